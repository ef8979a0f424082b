"""Which voice a stream speaks with."""

from pathlib import Path

import pytest

from sts_actors.engines.ports import EngineInfo, VoiceReference
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.voices import ChosenVoice, Clip, VoiceProfile, Voices, choose, unservable

REFERENCE = VoiceReference(Path("/kept/ana.wav"), "aa")
ANA = VoiceProfile(
    name="ana",
    language="es",
    reference_audio=Path("ana.wav"),
    clip=Clip(reference=REFERENCE, sample_rate_hz=16_000, duration_s=4.0),
)
ANCHOR = VoiceProfile(name="anchor", language="pt", voice="dora")
VOICES = Voices(
    source=Path("voices.json"),
    profiles={"ana": ANA, "anchor": ANCHOR},
    defaults={"es": "ana", "pt": "anchor"},
)
BUILTIN = {"dora": "pt", "kumo": "", "heart": "en"}
CLONER = EngineInfo(name="cloner", voices=BUILTIN, default_voices={"en": "heart"}, clones=True)
PLAIN = EngineInfo(name="plain", voices=BUILTIN, default_voices={"en": "heart", "es": "kumo"})


def refusal(*arguments):
    with pytest.raises(ServiceError) as caught:
        choose(*arguments)
    assert caught.value.code is ErrorCode.INVALID_VOICE_PROFILE
    return caught.value.message


def test_a_recording_is_spoken_in_by_reference_and_named_by_its_profile():
    assert choose("ana", "es", VOICES, CLONER) == ChosenVoice("ana", REFERENCE)


def test_a_built_in_voice_under_another_name_is_what_the_engine_calls_it():
    assert choose("anchor", "pt", VOICES, PLAIN) == ChosenVoice("dora")


@pytest.mark.parametrize("name", [None, "", "default"])
def test_who_names_no_voice_gets_the_files_default_else_the_engines(name):
    assert choose(name, "es", VOICES, CLONER) == ChosenVoice("ana", REFERENCE)
    assert choose(name, "pt", VOICES, PLAIN) == ChosenVoice("dora")
    assert choose(name, "en", VOICES, PLAIN) == ChosenVoice("heart")
    assert choose(name, "fr", VOICES, PLAIN) == ChosenVoice("")
    assert choose(name, "fr", VOICES, None) == ChosenVoice("")


def test_the_engines_own_voices_can_be_named_beside_the_files():
    assert choose("heart", "en", VOICES, PLAIN) == ChosenVoice("heart")


def test_a_profile_wins_over_a_built_in_voice_of_its_name():
    profile = VoiceProfile(name="dora", language="pt", voice="kumo")
    assert choose("dora", "pt", Voices(profiles={"dora": profile}), PLAIN) == ChosenVoice("kumo")


def test_a_voice_that_is_not_there_is_refused_with_those_that_are():
    assert refusal("nobody", "es", VOICES, CLONER) == (
        "there is no voice 'nobody'; for es there is ana, anchor, kumo"
    )
    assert refusal("nobody", "es", VOICES, PLAIN) == "there is no voice 'nobody'; for es there is kumo"
    assert refusal("nobody", "es", Voices(), EngineInfo(name="mute")).endswith("for es there is none")


def test_of_many_voices_some_are_named_and_the_rest_counted():
    many = EngineInfo(name="many", voices={f"v{n:02}": "" for n in range(25)})
    said = refusal("nobody", "es", Voices(), many)
    assert "v19 and 5 more" in said
    assert "v20" not in said


def test_another_language_is_spoken_only_by_an_engine_that_clones():
    assert choose("ana", "pt", VOICES, CLONER) == ChosenVoice("ana", REFERENCE)
    assert choose("anchor", "es", VOICES, CLONER) == ChosenVoice("dora")
    assert refusal("anchor", "es", VOICES, PLAIN).startswith(
        "the voice 'anchor' speaks pt, not es; for es there"
    )


def test_a_recording_is_refused_by_an_engine_that_does_not_clone():
    said = refusal("ana", "es", VOICES, PLAIN)
    assert said.startswith(
        "the voice 'ana' is a recording, and plain does not speak in recorded voices; for es"
    )
    assert refusal(None, "es", VOICES, PLAIN) == said


def test_a_built_in_voice_that_the_engine_lacks_is_refused():
    lacking = EngineInfo(name="lacking", voices={"kumo": ""})
    assert "stands for 'dora', which lacking does not have" in refusal("anchor", "pt", VOICES, lacking)


def test_what_is_not_loaded_yet_is_believed():
    assert choose("ana", "pt", VOICES, None) == ChosenVoice("ana", REFERENCE)
    assert choose("dora", "pt", VOICES, None) == ChosenVoice("dora")


def test_what_an_engine_can_never_do_of_a_file_is_a_line_with_file_voice_and_remedy():
    (recorded,) = unservable(VOICES, PLAIN)
    assert recorded.startswith("voices.json: the voice 'ana' is a recording, and plain does not")
    assert "run an engine that clones" in recorded
    mute = EngineInfo(name="mute", clones=True)
    (lacking,) = unservable(VOICES, mute)
    assert lacking.startswith("voices.json: the voice 'anchor' stands for 'dora', which mute does not have; ")
    assert not list(unservable(VOICES, CLONER))


def test_a_default_that_cannot_speak_its_language_is_told_at_the_start():
    voices = Voices(source=Path("f.json"), profiles={"anchor": ANCHOR}, defaults={"es": "anchor"})
    (line,) = unservable(voices, PLAIN)
    assert line == "f.json: the voice 'anchor' speaks pt, not es; name another default for es"
    assert not list(unservable(voices, CLONER))


def test_an_engine_that_only_clones_asks_for_a_voice_where_none_is_named():
    mute = EngineInfo(name="mute", clones=True)
    assert "mute has no voice of its own" in refusal(None, "en", VOICES, mute)
    assert choose(None, "es", VOICES, mute) == ChosenVoice("ana", REFERENCE)
