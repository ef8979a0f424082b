"""The engines of the three stages."""

import attrs

from sts_actors.settings.values import setting


@attrs.frozen(kw_only=True, slots=False)  # one of several bases
class EngineSettings:
    """See the module; units stand in the names."""

    asr_engine: str = setting(
        "asr.engine", "ASR_ENGINE", choices=("whisper", "fake"), means="what recognises"
    )
    asr_model: str = setting(
        "asr.model", "ASR_MODEL_SIZE", means="a name, or a folder with a converted model"
    )
    asr_device: str = setting(
        "asr.device", "ASR_DEVICE", choices=("cpu", "cuda", "auto"), means="`auto`: cuda where there is one"
    )
    asr_compute_type: str = setting(
        "asr.compute_type",
        "ASR_COMPUTE_TYPE",
        choices=(
            "default",
            "auto",
            "int8",
            "int8_float32",
            "int8_float16",
            "int8_bfloat16",
            "int16",
            "float16",
            "bfloat16",
            "float32",
        ),
        means="of the numbers; `auto`: the quickest of the device, `default`: as the model was saved",
    )
    asr_threads: int = setting("asr.threads", "ASR_THREADS", low=1, means="of the recogniser")
    asr_beam_size: int = setting(
        "asr.beam_size", "ASR_BEAM_SIZE", low=1, high=20, means="hypotheses followed; more is slower"
    )
    asr_vad: bool = setting("asr.vad", "ASR_VAD", means="leave out what a voice detector hears no voice in")
    asr_no_speech_threshold: float = setting(
        "asr.no_speech_threshold",
        "ASR_NO_SPEECH_THRESHOLD",
        low=0,
        high=1,
        means="probability of no speech above which badly decoded sound has none",
    )
    asr_logprob_threshold: float = setting(
        "asr.logprob_threshold",
        "ASR_LOGPROB_THRESHOLD",
        high=0,
        means="mean log-probability of a token below which sound is badly decoded",
    )
    asr_timeout_ms: int = setting(
        "asr.timeout_ms", "ASR_TIMEOUT_MS", low=1, means="bounds one fragment in this stage"
    )
    translation_engine: str = setting(
        "translation.engine",
        "TRANSLATION_ENGINE",
        choices=("firefox", "deepl", "fake"),
        means="`deepl` needs the extra `deepl`",
    )
    translation_timeout_ms: int = setting(
        "translation.timeout_ms", "TRANSLATION_TIMEOUT_MS", low=1, means="idem"
    )
    deepl_auth_key: str = setting(
        "translation.deepl_auth_key",
        "DEEPL_AUTH_KEY",
        "DEEPL_API_KEY",
        repr=False,
        means="the service's key, never shown; one that ends in `:fx` belongs to the free service",
    )
    deepl_server_url: str = setting(
        "translation.deepl_server_url", "DEEPL_SERVER_URL", means="another server than the key's"
    )
    deepl_glossary: str = setting(
        "translation.deepl_glossary",
        "DEEPL_GLOSSARY_ID",
        means="the id of a glossary for every pair, or `en-pt=ID,en-de=ID`",
    )
    deepl_calls_at_once: int = setting(
        "translation.deepl_calls_at_once",
        "DEEPL_CALLS_AT_ONCE",
        low=1,
        high=64,
        means="more wait; they spend no tokens of the device",
    )
    tts_engine: str = setting(
        "tts.engine",
        "TTS_ENGINE",
        choices=("kokoro", "xtts", "fake"),
        means="what speaks; `xtts` needs the extra `xtts`",
    )
    tts_model: str = setting(
        "tts.model", "TTS_MODEL", means="of `xtts`: `xtts_v2`, or a folder with a checkpoint"
    )
    tts_device: str = setting("tts.device", "TTS_DEVICE", means="`cpu` or `cuda`")
    tts_compute_type: str = setting(
        "tts.compute_type",
        "TTS_COMPUTE_TYPE",
        choices=("float32", "float16", "bfloat16"),
        means="of the numbers of `xtts`'s decoder",
    )
    tts_items_at_once: int = setting(
        "tts.items_at_once",
        "TTS_ITEMS_AT_ONCE",
        low=1,
        means="sentences that `xtts` decodes at once; more wait in the batch",
    )
    tts_temperature: float = setting(
        "tts.temperature",
        "TTS_TEMPERATURE",
        low=0,
        high=2,
        means="of `xtts`: 0 speaks a text alike each time",
    )
    tts_seed: int = setting("tts.seed", "TTS_SEED", means="of `xtts`: equal seeds speak a text alike")
    tts_guard: bool = setting(
        "tts.guard",
        "TTS_GUARD",
        means="`xtts` looks at what it has spoken; what is spoilt is drawn anew or refused",
    )
    tts_threads: int = setting("tts.threads", "TTS_THREADS", low=1, means="of the synthesiser")
    tts_timeout_ms: int = setting("tts.timeout_ms", "TTS_TIMEOUT_MS", low=1, means="idem")
    voice_profiles_path: str = setting(
        "tts.voice_profiles_path",
        "VOICE_PROFILES_PATH",
        means="a file of voice profiles, read anew when it changes; empty is none",
    )
