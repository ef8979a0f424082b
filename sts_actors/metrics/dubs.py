"""What the answers to fragments tell: how many, how long they took, how good the dubs are."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from sts_actors.messages import FragmentFailed, Result

_SECONDS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
_FACTORS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5)
_TEMPOS = (0.8, 0.9, 1, 1.05, 1.1, 1.15, 1.2)
_OVERRUNS = (0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)


class Dubs:
    """A fragment counts once for each target language."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
            return Histogram(name, text, registry=registry, buckets=buckets)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        self._processing = histogram("sts_fragment_processing_seconds", "From receipt to answer")
        self._factor = histogram(
            "sts_real_time_factor", "From receipt to answer, as a share of what the fragment lasts", _FACTORS
        )
        self._asr = histogram("sts_asr_duration_seconds", "Recognition of one fragment, waiting included")
        self._translation = histogram(
            "sts_translation_duration_seconds", "Translation of one fragment, waiting included"
        )
        self._tts = histogram(
            "sts_tts_duration_seconds", "Synthesis and fitting of one fragment, waiting included"
        )
        self._lag = histogram("sts_stream_lag_seconds", "How much later than its source a dub ends")
        self._tempo = histogram("sts_dub_tempo_ratio", "How much faster a dub is than its synthesis", _TEMPOS)
        self._overrun = histogram(
            "sts_dub_overrun_ratio", "Share of a fragment that its dub was too long by and was cut", _OVERRUNS
        )
        self._audio = counter("sts_dubbed_audio_seconds", "What the fragments with a dub lasted, added up")
        self._fragments = counter("sts_fragments", "Answered fragments by outcome", "outcome")
        self._originals = counter("sts_original_audio", "Fragments answered with their own sound")
        self._errors = counter(
            "sts_fragment_errors",
            "Failures of fragments, answered with their own sound or not",
            "stage",
            "code",
        )
        self._checks = counter("sts_dub_checks", "Dubs listened to again, by what was heard", "outcome")
        # From the start: the first failure is an increase only of what was 0 before.
        for outcome in ("success", "partial", "failed"):
            self._fragments.labels(outcome)
        for outcome in ("good", "defective"):
            self._checks.labels(outcome)

    def answered(self, result: Result, processing_s: float) -> None:
        """A fragment was answered."""
        self._processing.observe(processing_s)
        self._fragments.labels(result.outcome).inc()
        if isinstance(result, FragmentFailed):
            self._failed(result)
            return
        if result.fallback is not None:
            self._originals.inc()
            self._failed(result.fallback)
            return
        audio_s = result.header.duration_ms / 1000
        self._audio.inc(audio_s)
        if audio_s:
            self._factor.observe(processing_s / audio_s)
        self._asr.observe(result.translation.transcript.asr_s)
        self._translation.observe(result.translation.translation_s)
        self._tts.observe(result.tts_s)
        self._lag.observe(result.lag_ms / 1000)
        self._tempo.observe(result.tempo)
        self._overrun.observe(result.variance)
        if result.checked:
            self._checks.labels("defective").inc(result.defective)
            self._checks.labels("good").inc(result.checked - result.defective)

    def _failed(self, failure: FragmentFailed) -> None:
        self._errors.labels(failure.stage.value, failure.code.value).inc()
