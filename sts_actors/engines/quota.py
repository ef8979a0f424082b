"""How much of a paid service's allowance is used, and the word of warning when it runs out. Pure."""

from collections.abc import Callable

import attrs

from sts_actors.errors import ServiceWarning, WarningCode

NEAR_SHARE = 0.9


@attrs.frozen
class Quota:
    """Characters used of those allowed in the billing period."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """From 0 to 1, and beyond where a service lets it."""
        return self.used / self.limit if self.limit > 0 else 1.0


@attrs.define(eq=False)
class QuotaWatch:
    """Told of what is billed, and of the quota now and then.

    It says once when `NEAR_SHARE` of the quota is used, and anew in the next period.

    Attributes:
        on_near: called with the warning at each crossing, on Trio's thread; it must not wait.
        quota: as it was last told, or None.
        billed_characters: since the start, as the service's answers said.
        warning: what holds now: for those who were not there at the crossing.
    """

    on_near: Callable[[ServiceWarning], None] | None = None
    quota: Quota | None = attrs.field(default=None, init=False)
    billed_characters: int = attrs.field(default=0, init=False)
    warning: ServiceWarning | None = attrs.field(default=None, init=False)

    def billed(self, characters: int) -> None:
        """The service has billed so much for an answer."""
        self.billed_characters += characters

    def told(self, quota: Quota) -> None:
        """The service said how much is used."""
        was_near, self.quota = self.warning is not None, quota
        self.warning = _warning(quota) if quota.share >= NEAR_SHARE else None
        if self.warning is not None and not was_near and self.on_near is not None:
            self.on_near(self.warning)


def _warning(quota: Quota) -> ServiceWarning:
    return ServiceWarning(
        WarningCode.QUOTA_NEAR_LIMIT,
        f"{quota.share:.0%} of the translation quota is used: {quota.used} of {quota.limit} characters",
    )
