"""How a `stream:init` wants its dub made: seams, the original underneath, listening again."""

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Bed, SeamPolicy
from sts_actors.wire.fields import Payload, integer, number

LOWEST_BED_DB = -60
SHORTEST_RAMP_MS, LONGEST_RAMP_MS = 10, 2000

_BAD = ErrorCode.INVALID_CONFIG


def seam(fields: Payload, default: SeamPolicy) -> SeamPolicy:
    """What is done with words that a fragment's end cuts.

    Raises:
        ServiceError: `INVALID_CONFIG`, naming the field.
    """
    value = fields.get("seam")
    if value is None:
        return default
    if not isinstance(value, str) or value not in set(SeamPolicy):
        raise ServiceError(_BAD, f"seam must be one of {', '.join(SeamPolicy)}")
    return SeamPolicy(value)


def bed(fields: Payload, default: Bed | None) -> Bed | None:
    """The original underneath the dub: `duck`, an object that says how, or `none`.

    Raises:
        ServiceError: `INVALID_CONFIG`, naming the field.
    """
    value = fields.get("bed")
    if value is None:
        return default
    details: Payload = value if isinstance(value, dict) else {}
    mode = details.get("mode", "duck") if isinstance(value, dict) else value
    if mode not in ("duck", "none"):
        raise ServiceError(_BAD, "bed must be duck, none, or an object with that as its mode")
    standard = default or Bed()
    asked = Bed(
        level_db=number(details, "level_db", LOWEST_BED_DB, 0, default=standard.level_db, code=_BAD),
        ramp_ms=integer(
            details, "ramp_ms", SHORTEST_RAMP_MS, LONGEST_RAMP_MS, default=standard.ramp_ms, code=_BAD
        ),
    )
    return asked if mode == "duck" else None


def verify(fields: Payload, default: float) -> float:
    """The share of fragments whose dub is listened to again.

    Raises:
        ServiceError: `INVALID_CONFIG`, naming the field.
    """
    return number(fields, "verify", 0, 1, default=default, code=_BAD)
