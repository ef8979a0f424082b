"""What kind of task a task is: its name without the ids, so that a thousand streams are one row."""

import attrs

MAX_ROLES = 64
OTHERS = "(others)"


def role_of(name: str) -> str:
    """The name with what stands between its first and last part cut out: `stream/7/asr` → `stream/*/asr`."""
    first, *between, last = name.split("/") if "/" in name else (name, name)
    if first is last:
        return name
    return f"{first}/*/{last}" if between else name


@attrs.frozen(kw_only=True)
class RoleStatistics:
    """What the tasks of one role have done.

    Attributes:
        role: see `role_of`.
        tasks: how many there have been.
        steps: how often they were run.
        busy_s: how long they held the loop, all together.
        waited_s: how long they were not running, all together.
        longest_step_s: the longest that one held the loop at once.
    """

    role: str
    tasks: int
    steps: int
    busy_s: float
    waited_s: float
    longest_step_s: float


@attrs.define(eq=False)
class Role:
    """What is counted as it happens: no more than that, for it is counted at every step."""

    name: str
    tasks: int = 0
    living: int = 0
    steps: int = 0
    busy_s: float = 0.0
    longest_step_s: float = 0.0
    lived_s: float = 0.0
    """Ends of those that have ended, less the beginnings of all."""

    def enter(self, now: float) -> None:
        """A task begins."""
        self.tasks += 1
        self.living += 1
        self.lived_s -= now

    def leave(self, now: float) -> None:
        """A task has ended."""
        self.living -= 1
        self.lived_s += now

    def statistics(self, now: float) -> RoleStatistics:
        """As of now."""
        return RoleStatistics(
            role=self.name,
            tasks=self.tasks,
            steps=self.steps,
            busy_s=self.busy_s,
            waited_s=max(self.lived_s + self.living * now - self.busy_s, 0.0),
            longest_step_s=self.longest_step_s,
        )


class Roles:
    """The roles that have been seen; those beyond the first `MAX_ROLES` are counted together."""

    def __init__(self) -> None:
        self._roles: dict[str, Role] = {}

    def enter(self, name: str, now: float) -> Role:
        """The role of a new task, which counts there from now on."""
        role = role_of(name)
        if role not in self._roles and len(self._roles) >= MAX_ROLES:
            role = OTHERS
        found = self._roles.setdefault(role, Role(role))
        found.enter(now)
        return found

    def all(self, now: float) -> tuple[RoleStatistics, ...]:
        """As of now, the busiest first."""
        found = (role.statistics(now) for role in self._roles.values())
        return tuple(sorted(found, key=lambda role: -role.busy_s))
