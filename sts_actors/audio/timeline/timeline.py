"""One stream's timeline: phrases in, fragments out, the lag known at every moment."""

import attrs

from sts_actors.audio.timeline.catching_up import LagLimits, Plan, catches_up, plan
from sts_actors.audio.timeline.cutting import Track
from sts_actors.audio.timeline.fades import edged, fade_out
from sts_actors.audio.timeline.phrases import Phrase
from sts_actors.audio.timeline.placing import Placed, place
from sts_actors.audio.timeline.silences import without_silence
from sts_actors.messages import Samples

FADE_S = 0.005


@attrs.frozen(kw_only=True)
class Report:
    """What a fragment came to, in samples, and in milliseconds by the properties.

    `lag`: how much later than its source the dub ends that is heard last; 0 once it has been heard.
    `late`: how much later than its source a phrase begins, the latest of those added since the fragment
    before. It may pass the lag's bound where the phrase itself came too late.
    `overrun`: sound that began in this fragment or before and goes on in the next.
    `lost`: speech cut off since the fragment before, for the bound's sake or because the stream ends.
    """

    sample_rate_hz: int
    lag: int
    late: int
    overrun: int
    lost: int

    @property
    def lag_ms(self) -> float:
        """`lag` in milliseconds."""
        return self.lag / self.sample_rate_hz * 1000

    @property
    def late_ms(self) -> float:
        """`late` in milliseconds."""
        return self.late / self.sample_rate_hz * 1000

    @property
    def overrun_ms(self) -> float:
        """`overrun` in milliseconds."""
        return self.overrun / self.sample_rate_hz * 1000

    @property
    def lost_ms(self) -> float:
        """`lost` in milliseconds."""
        return self.lost / self.sample_rate_hz * 1000


@attrs.define(kw_only=True)
class Timeline:
    """Where and how fast a stream's phrases are dubbed, and the fragments cut from that.

    Mono float32 at `sample_rate_hz`. The package's docstring has the order of calls. Deterministic, and not
    thread-safe: it belongs to one actor.

    No phrase is heard before its source, none over another (but for a crossfade of 5 ms), and none ends
    later than `limits.max_lag_s` after its source. A phrase that is added before its source's start has been
    cut out begins no later than that either.
    """

    sample_rate_hz: int
    limits: LagLimits = attrs.field(factory=LagLimits)
    _track: Track = attrs.field(factory=Track, init=False, repr=False)
    _last: Placed = attrs.field(default=Placed(at=0, kept=0, lost=0), init=False)
    _source_start: int = attrs.field(default=0, init=False)
    _source_end: int = attrs.field(default=0, init=False)
    _late: int = attrs.field(default=0, init=False)
    _lost: int = attrs.field(default=0, init=False)
    _catching_up: bool = attrs.field(default=False, init=False)
    _finished: bool = attrs.field(default=False, init=False)

    @property
    def position(self) -> int:
        """The first sample that has not been cut out."""
        return self._track.position

    @property
    def lag(self) -> int:
        """In samples: how much later than its source the last dub ends; 0 once it has been cut out."""
        return max(self._last.end - self._source_end, 0) if self._last.end > self.position else 0

    @property
    def catching_up(self) -> bool:
        """Whether the last phrase was hurried."""
        return self._catching_up

    def delay(self, phrase: Phrase) -> int:
        """In samples: how much later than its source the phrase would begin if it were added now."""
        return max(self.position - phrase.start, self._last.end - phrase.start, 0)

    def plan(self, phrase: Phrase, predicted_s: float, *, speed: float | None = None) -> Plan:
        """How to speak the phrase, which takes `predicted_s` at speed 1, or, spoken at `speed`, does take it.

        Changes nothing: it may be asked again.
        """
        late_s = self.delay(phrase) / self.sample_rate_hz
        return plan(
            predicted_s,
            (phrase.end - phrase.start) / self.sample_rate_hz,
            late_s,
            self.limits,
            catching_up=catches_up(self._catching_up, late_s, self.limits),
            speed=speed,
        )

    def prepare(self, phrase: Phrase, samples: Samples, speed: float) -> tuple[Samples, float]:
        """The phrase's synthesis, spoken at `speed`, less silences where it is too long; and its tempo.

        The tempo is for the samples that come back. Milliseconds of work; changes nothing.
        """
        before = self.plan(phrase, samples.shape[0] / self.sample_rate_hz, speed=speed)
        surplus = round(before.trim_s * self.sample_rate_hz)
        shorter = without_silence(samples, self.sample_rate_hz, surplus)
        return shorter, self.plan(phrase, shorter.shape[0] / self.sample_rate_hz, speed=speed).tempo

    def add(self, phrase: Phrase, samples: Samples) -> Placed:
        """Place the phrase's finished dub; its edges are faded over 5 ms, and what it may not last is cut.

        Raises:
            ValueError: the phrase starts before the one added last, or the samples are not mono.
            RuntimeError: the timeline is finished.
        """
        self._check_open()
        if phrase.start < self._source_start:
            raise ValueError(f"a phrase from {phrase.start} comes after one from {self._source_start}")
        if samples.ndim != 1:
            raise ValueError(f"not mono: shape {samples.shape}")
        frames = samples.shape[0]
        source_end = max(self._source_end, phrase.end)
        placed = place(
            frames=frames,
            start=phrase.start,
            position=self.position,
            tail=self._last.end,
            latest=source_end + round(self.limits.max_lag_s * self.sample_rate_hz),
            overlap=min(self._fade_frames, frames // 2, self._last.kept // 2),
        )
        late_s = self.delay(phrase) / self.sample_rate_hz
        self._catching_up = catches_up(self._catching_up, late_s, self.limits)
        self._track.put(placed.at, edged(samples[: placed.kept], self._fade_frames))
        self._source_start, self._source_end = phrase.start, source_end
        self._lost += placed.lost
        if placed.kept:
            self._last = placed
            self._late = max(self._late, placed.at - phrase.start)
        return placed

    def cut(self, frames: int, *, last: bool = False) -> tuple[Samples, Report]:
        """The next fragment, exactly `frames` samples, and what it came to.

        With `last`, what hangs over its end is faded out within it, and lost, and the timeline finished.

        Raises:
            ValueError: `frames` is negative.
            RuntimeError: the timeline is finished.
        """
        self._check_open()
        out = self._track.cut(frames)
        if last:
            if self._track.overrun:
                fade_out(out, self._fade_frames)
            self._end()
        return out, self._report()

    def skip(self, frames: int) -> None:
        """Let `frames` pass unheard: what has been placed so far is not taken up again midway.

        It is reported nowhere: a fragment that is skipped has failed as a whole.

        Raises:
            ValueError: `frames` is negative.
            RuntimeError: the timeline is finished.
        """
        self._check_open()
        self._track.cut(frames)
        self._track.drop()
        self._last = Placed(at=self.position, kept=0, lost=0)
        self._late = self._lost = 0

    def finish(self) -> tuple[Samples, Report]:
        """End the timeline: what is still to come after the last cut, and how much of the dub that is.

        It belongs to no fragment, and so counts as lost; whoever can send it all the same, may. Called
        again, it has nothing more.
        """
        rest = self._end()
        return rest, self._report()

    def _end(self) -> Samples:
        self._finished = True
        self._lost += self._track.waiting
        return self._track.clear()

    def _report(self) -> Report:
        report = Report(
            sample_rate_hz=self.sample_rate_hz,
            lag=self.lag,
            late=self._late,
            overrun=self._track.overrun,
            lost=self._lost,
        )
        self._late = self._lost = 0
        return report

    @property
    def _fade_frames(self) -> int:
        return round(FADE_S * self.sample_rate_hz)

    def _check_open(self) -> None:
        if self._finished:
            raise RuntimeError("the timeline is finished")
