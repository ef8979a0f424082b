"""How fast a phrase is spoken: the ladder that bounds the lag, cheapest for the listener first.

The engine's own speed, silences taken out, a stretch as far as it is not noticed, the next pause, a stretch
as far as the contract goes, and only then a cut.
"""

import attrs

from sts_actors.audio.limits import MAX_TEMPO


@attrs.frozen(kw_only=True)
class LagLimits:
    """How late the dub may come, and how fast it may be spoken; factors are against the natural pace.

    `max_lag_s`: no phrase ends later than this after its source. Broadcasters grant two to five seconds;
    words carried over a seam take up to 1.7 of it.
    `catch_up_above_s`, `relax_below_s`: a phrase that would begin later than the first is hurried, and so
    are those after it until one would begin at most as late as the second. Words carried over a seam make
    that late again and again, as a rule up to 1 s: hurrying below that is of no use, and a pause takes it.
    `max_speed`: the engine's knob; 1 for an engine without one.
    `max_stretch`: of the finished sound.
    `max_pace`: speed and stretch together, unless there is lag to catch up.
    `max_tempo`: the stretch where otherwise something would be cut.

    Raises:
        ValueError: the limits contradict each other.
    """

    max_lag_s: float = 3.0
    catch_up_above_s: float = 2.0
    relax_below_s: float = 1.0
    max_speed: float = 1.15
    max_stretch: float = 1.15
    max_pace: float = 1.2
    max_tempo: float = MAX_TEMPO

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.relax_below_s <= self.catch_up_above_s <= self.max_lag_s:
            raise ValueError(
                f"not 0 ≤ relax_below_s {self.relax_below_s} ≤ catch_up_above_s {self.catch_up_above_s} "
                f"≤ max_lag_s {self.max_lag_s}"
            )
        if not 1 <= self.max_stretch <= self.max_tempo <= MAX_TEMPO:
            raise ValueError(
                f"not 1 ≤ max_stretch {self.max_stretch} ≤ max_tempo {self.max_tempo} ≤ {MAX_TEMPO}"
            )
        if self.max_speed < 1 or self.max_pace < 1:
            raise ValueError(f"max_speed {self.max_speed} or max_pace {self.max_pace} is below 1")


@attrs.frozen(kw_only=True)
class Plan:
    """How a phrase is to be spoken.

    `speed` is for the engine; `trim_s` is how much silence is too much, to be taken out before it is
    stretched by `tempo` (1 … 1.2). Reckoned as if there were none to take out: `borrowed_s` is what it then
    still takes beyond its source's end, and `cut_s` what must go for the bound's sake.
    """

    speed: float
    trim_s: float
    tempo: float
    borrowed_s: float
    cut_s: float
    catching_up: bool


def catches_up(catching_up: bool, lag_s: float, limits: LagLimits) -> bool:  # noqa: FBT001 - the state it goes on from
    """Whether a phrase that would begin `lag_s` late is hurried, when the one before was or was not."""
    return lag_s > (limits.relax_below_s if catching_up else limits.catch_up_above_s)


def plan(
    predicted_s: float,
    room_s: float,
    lag_s: float,
    limits: LagLimits,
    *,
    catching_up: bool = False,
    speed: float | None = None,
) -> Plan:
    """Decide the pace of a phrase whose source lasts `room_s` and whose dub would begin `lag_s` late.

    `predicted_s` is how long it takes at speed 1; or, with the `speed` it has been spoken at, how long it is.
    While not `catching_up`, the aim is that the lag does not grow, and pauses take it away; while catching
    up, that the phrase ends with its source.
    """
    latest_s = max(room_s - lag_s + limits.max_lag_s, 0.0)
    wanted_s = max(room_s - lag_s, 0.0) if catching_up else min(room_s, latest_s)
    if speed is None:
        speed = _factor(predicted_s, wanted_s, limits.max_speed)
        predicted_s /= speed
    comfortable = limits.max_stretch
    if not catching_up:
        comfortable = min(comfortable, limits.max_pace / speed)
    tempo = _factor(predicted_s, wanted_s, comfortable)
    # At least 1, also where the engine was faster than the pace allows.
    tempo = max(tempo, _factor(predicted_s, latest_s, limits.max_tempo))
    lasts_s = predicted_s / tempo
    # By the tempo, not by the difference: that is a rounding error where it just fits.
    cut_s = lasts_s - latest_s if predicted_s > latest_s * limits.max_tempo else 0.0
    return Plan(
        speed=speed,
        trim_s=max(predicted_s - wanted_s, 0.0),
        tempo=tempo,
        borrowed_s=max(lasts_s - cut_s - max(room_s - lag_s, 0.0), 0.0),
        cut_s=cut_s,
        catching_up=catching_up,
    )


def _factor(length_s: float, room_s: float, most: float) -> float:
    """How many times as fast `length_s` must go to fit into `room_s`: not slower, and `most` at the most."""
    if length_s <= room_s:
        return 1.0
    return most if length_s >= room_s * most else length_s / room_s
