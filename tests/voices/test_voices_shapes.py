"""The two shapes of a file of voices."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voice_files import flat

from sts_actors.voices.profile import VoiceProfile, Voices
from sts_actors.voices.shapes import MAX_FILE_BYTES, MAX_VOICES, ShapeError, parse_voices

FILE = Path("/voices/voices.json")


def parse(document):
    return parse_voices(json.dumps(document).encode(), FILE)


def faults(document):
    return [(fault.voice, fault.message) for fault in parse(document).faults]


def the_fault(document):
    ((voice, message),) = faults(document)
    return voice, message


def test_both_shapes_say_the_same():
    entry = {"language": "es-MX", "gender": "female", "description": "calm"}
    one = parse(
        {"ana": {**entry, "reference_audio": "clips/ana.wav"}, "default_voice_per_language": {"es": "ana"}}
    )
    other = parse(
        {
            "voices": {"ana": {**entry, "model": "xtts_v2", "speaker_wav": "clips/ana.wav"}},
            "default_voice_per_language": {"es-ES": "ana"},
        }
    )
    assert one == other
    assert not one.faults
    ana = VoiceProfile(
        name="ana",
        language="es",
        gender="female",
        description="calm",
        reference_audio=Path("/voices/clips/ana.wav"),
    )
    assert one.voices == Voices(source=FILE, profiles={"ana": ana}, defaults={"es": "ana"})


def test_a_built_in_voice_of_the_engine_needs_no_recording():
    profile = parse({"anchor": {"language": "pt", "voice": "pf_dora"}}).voices.profiles["anchor"]
    assert (profile.voice, profile.reference_audio) == ("pf_dora", None)


def test_a_path_of_its_own_is_left_alone():
    profile = parse({"a": {"language": "pt", "speaker_wav": "/else/a.wav"}}).voices.profiles["a"]
    assert profile.reference_audio == Path("/else/a.wav")


def test_keys_that_are_not_known_are_ignored():
    document = {"$schema": "x", "_comment": ["by hand"], "a": {"language": "pt", "voice": "v", "age": 7}}
    assert not parse(document).faults
    assert list(parse(document).voices.profiles) == ["a"]


def test_somebody_in_a_flat_file_may_be_called_voices():
    assert list(parse({"voices": {"language": "pt", "voice": "v"}}).voices.profiles) == ["voices"]


def test_a_file_without_a_voice_is_one():
    assert parse({}).voices.profiles == {}
    assert parse({"voices": {}}).voices.profiles == {}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "no valid JSON"),
        (b"\xff\xfe\x00", "no valid JSON"),
        (b"[" * 100_000, "no valid JSON"),
        (b"", "no valid JSON"),
        (b"[]", "no known shape"),
        (b'{"voices": []}', "no known shape"),
        (b'{"a": {}, "a": {}}', "the key 'a' stands twice"),
        (b" " * MAX_FILE_BYTES + b"{}", f"longer than {MAX_FILE_BYTES} bytes"),
        (json.dumps({str(n): {} for n in range(MAX_VOICES + 1)}).encode(), f"at most {MAX_VOICES}"),
    ],
)
def test_what_is_no_file_of_voices_is_refused_in_one_line_with_a_remedy(data, said):
    with pytest.raises(ShapeError, match=said) as caught:
        parse_voices(data, FILE)
    assert ";" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("ana.wav", "no object"),
        ({"voice": "v"}, "`language` is missing"),
        ({"voice": "v", "language": "spanish!"}, "'spanish!' is no language code"),
        ({"voice": "v", "language": 7}, "`language` is no text"),
        ({"voice": "v", "language": "es", "gender": "f" * 1001}, "`gender` is no text of at most 1000"),
        ({"language": "es"}, "neither a recording nor a built-in voice"),
        ({"language": "es", "voice": ""}, "neither a recording nor a built-in voice"),
        ({"language": "es", "voice": "v", "speaker_wav": "a.wav"}, "`speaker_wav` and `voice`; keep one"),
        ({"language": "es", "reference_audio": "b.wav", "speaker_wav": "a.wav"}, "keep one"),
    ],
)
def test_a_faulty_voice_is_named_with_its_fault_and_remedy(entry, said):
    voice, message = the_fault({"ana": entry})
    assert voice == "ana"
    assert said in message
    assert ";" in message


@pytest.mark.parametrize("name", ["", "default", " ana", "a\nb", "\x1b[31m", "a" * 129])
def test_a_name_that_no_worker_can_say_is_a_fault(name):
    _, message = the_fault({name: {"language": "es", "voice": "v"}})
    assert "name" in message


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ({"es": "nobody"}, "the default for es is 'nobody', which is no voice"),
        ({"es": None}, "which is no voice"),
        ({"klingon!": "ana"}, "'klingon!' is no language code"),
        ({"es": "ana", "es-MX": "bea"}, "two defaults for es"),
        (["ana"], "is no object"),
    ],
)
def test_a_faulty_default_is_a_fault_of_the_file(defaults, said):
    voice, message = the_fault({**flat(ana="es", bea="es"), "default_voice_per_language": defaults})
    assert voice == ""
    assert said in message


def test_all_faults_are_told_at_once():
    document = {"a": {"language": "?"}, "b": {}, "default_voice_per_language": {"es": "c"}}
    assert [voice for voice, _ in faults(document)] == ["a", "a", "b", "b", ""]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(["language", "voice", "speaker_wav", "reference_audio", "gender"])
ENTRY = JSON | st.dictionaries(KEYS, JSON | st.just("es"))
DOCUMENT = st.dictionaries(st.text() | st.sampled_from(["voices", "default_voice_per_language"]), ENTRY)


@given(DOCUMENT | st.fixed_dictionaries({"voices": DOCUMENT, "default_voice_per_language": JSON}) | JSON)
def test_whatever_json_it_is_each_voice_is_fit_or_has_a_fault(document):
    try:
        parsed = parse(document)
    except ShapeError:
        return
    profiles, faulty = parsed.voices.profiles, {fault.voice for fault in parsed.faults}
    assert not set(profiles) & (faulty - {""})
    for profile in profiles.values():
        assert (profile.voice is None) != (profile.reference_audio is None)


@given(st.binary())
def test_whatever_bytes_it_is_nothing_else_is_raised(data):
    with suppress(ShapeError):
        parse_voices(data, FILE)
