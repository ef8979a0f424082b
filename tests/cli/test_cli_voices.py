"""`sts-actors voices` and `sts-actors voices add`."""

import json
import stat

import numpy as np
import pytest
from cli_samples import read_wav, tone, write_encoded, write_wav

from sts_actors import profiles
from sts_actors.cli.main import run
from sts_actors.engines.fake import FakeSynthesiser
from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import ConfigError

FAKE = ["--profile", "fake"]


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.delenv("VOICE_PROFILES_PATH", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "voices"
    folder.mkdir()
    return folder / "voices.json"


@pytest.fixture
def speaker(tmp_path):
    return write_wav(tmp_path / "speaker.wav", tone(4 * 22_050, 2, rate=22_050), 22_050)


def add(name, recording, file, *options, language="es"):
    return run(["voices", "add", name, str(recording), "--file", str(file), "--language", language, *options])


def listed(capsys, *options):
    assert run(["voices", *FAKE, "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def the_line(capsys):
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_voice_that_was_added_is_listed_with_what_it_is(file, speaker, capsys):
    assert add("ana", speaker, file, "--gender", "female", "--description", "calm [low]") == 0
    assert "ana is in" in capsys.readouterr().out
    ana, builtin = listed(capsys, "--file", str(file))["voices"]
    assert (ana["name"], ana["language"], ana["gender"], ana["description"]) == (
        "ana",
        "es",
        "female",
        "calm [low]",
    )
    assert ana["what"].startswith("recording of 4.0 s at 22050 Hz")
    assert (builtin["name"], builtin["what"]) == ("tone", "built into fake")
    assert run(["voices", *FAKE, "--file", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["voice", "language", "gender", "what", "default", "for"]
    assert "recording of 4.0 s" in lines[1]


def test_the_recording_is_kept_beside_the_file_as_mono_at_its_own_rate(file, speaker):
    assert add("ana", speaker, file) == 0
    pcm, rate_hz = read_wav(file.with_name("ana.wav"))
    assert (pcm.shape, rate_hz) == ((4 * 22_050, 1), 22_050)
    mixed = read_wav(speaker)[0].mean(axis=1)
    assert np.abs(pcm[:, 0] - mixed).max() <= 1


def test_any_file_with_sound_can_become_a_voice(file, tmp_path, capsys):
    source = write_encoded(tmp_path / "speaker.flac", "flac", tone(4 * 44_100, 1, rate=44_100), 44_100)
    assert add("ana", source, file) == 0
    capsys.readouterr()
    assert "44100 Hz" in listed(capsys, "--file", str(file))["voices"][0]["what"]


def test_the_setting_names_the_file_where_no_option_does(file, speaker, monkeypatch, capsys):
    monkeypatch.setenv("VOICE_PROFILES_PATH", str(file))
    assert run(["voices", "add", "ana", str(speaker), "--language", "es"]) == 0
    capsys.readouterr()
    assert listed(capsys)["voices"][0]["name"] == "ana"


def test_without_a_file_of_voices_one_is_begun_here_and_the_service_is_told_how_to_find_it(
    speaker, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert [row["name"] for row in listed(capsys)["voices"]] == ["tone"]
    assert run(["voices", "add", "ana", str(speaker), "--language", "es"]) == 0
    assert "VOICE_PROFILES_PATH=voices.json" in capsys.readouterr().out
    assert listed(capsys, "--file", "voices.json")["voices"][0]["name"] == "ana"


@pytest.mark.parametrize(
    ("before", "key", "place"),
    [
        ({"bea": {"language": "pt", "voice": "v"}, "_by": "hand"}, "reference_audio", lambda d: d),
        (
            {"version": 2, "voices": {"bea": {"language": "pt", "voice": "v", "model": "m"}}},
            "speaker_wav",
            lambda d: d["voices"],
        ),
    ],
)
def test_the_shape_and_all_foreign_keys_stay(file, speaker, before, key, place):
    file.write_text(json.dumps(before))
    file.chmod(0o640)
    assert add("ana", speaker, file) == 0
    after = json.loads(file.read_text())
    assert place(after).pop("ana") == {"language": "es", key: "ana.wav"}
    assert after == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(each.name for each in file.parent.iterdir()) == ["ana.wav", "voices.json"]


def test_a_name_that_is_taken_is_refused_unless_it_is_replaced(file, speaker, tmp_path, capsys):
    file.write_text(json.dumps({"ana": {"language": "pt", "speaker_wav": "ana.wav", "age": 7}}))
    assert add("ana", speaker, file) == 2
    assert "voice 'ana': is there already; take another name, or --replace it" in the_line(capsys)
    assert not file.with_name("ana.wav").exists()
    for seconds in (4, 5):
        other = write_wav(tmp_path / "other.wav", tone(seconds * 16_000))
        assert add("ana", other, file, "--replace") == 0
        assert json.loads(file.read_text()) == {
            "ana": {"language": "es", "age": 7, "reference_audio": "ana.wav"}
        }
        assert len(read_wav(file.with_name("ana.wav"))[0]) == seconds * 16_000


def test_a_file_of_somebody_else_is_not_overwritten(file, speaker):
    file.with_name("ana.wav").write_bytes(b"mine")
    assert add("ana", speaker, file) == 0
    assert file.with_name("ana.wav").read_bytes() == b"mine"
    assert json.loads(file.read_text())["voices"]["ana"]["speaker_wav"] == "ana-2.wav"


def test_a_name_with_slashes_stays_in_the_folder(file, speaker):
    assert add("../../ana", speaker, file) == 0
    (recording,) = file.parent.glob("*.wav")
    assert json.loads(file.read_text())["voices"]["../../ana"]["speaker_wav"] == recording.name


def test_an_entry_that_was_no_voice_can_be_replaced_by_one(file, speaker):
    file.write_text('{"ana": "ana.wav"}')
    assert add("ana", speaker, file, "--replace") == 0
    assert json.loads(file.read_text())["ana"]["reference_audio"] == "ana.wav"


def test_a_link_to_the_file_stays_a_link(file, speaker, tmp_path):
    file.write_text("{}")
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert add("ana", speaker, link) == 0
    assert link.is_symlink()
    assert "ana" in json.loads(file.read_text())


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: write_wav(path, tone(2 * 16_000)), "lasts 2.00 s"),
        (lambda path: write_wav(path, tone(31 * 16_000)), "lasts longer than 30 s"),
        (lambda path: write_wav(path, tone(4 * 8_000, rate=8_000), 8_000), "sample rate of 8000 Hz"),
        (lambda path: write_wav(path, 0 * tone(4 * 16_000)), "is silent"),
        (lambda path: path.write_text("words"), "is not an audio file"),
        (lambda path: None, "cannot read"),
    ],
)
def test_a_recording_that_is_of_no_use_is_refused_and_nothing_is_written(file, tmp_path, capsys, write, said):
    write(tmp_path / "bad.wav")
    assert add("ana", tmp_path / "bad.wav", file) == 2
    assert said in the_line(capsys)
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize(("name", "language"), [("default", "es"), (" ", "es"), ("ana", "spanish!")])
def test_a_name_or_language_that_is_none_is_refused(file, speaker, capsys, name, language):
    assert add(name, speaker, file, language=language) == 2
    assert the_line(capsys)
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize("name", ["_ana", "default_voice_per_language"])
def test_a_name_that_the_flat_shape_takes_for_something_else_is_refused(file, speaker, capsys, name):
    file.write_text("{}")
    assert add(name, speaker, file) == 2
    assert "not a name in this shape" in the_line(capsys)


def test_a_broken_file_is_left_as_it_is(file, speaker, capsys):
    file.write_text("{")
    assert add("ana", speaker, file) == 2
    assert "no valid JSON" in the_line(capsys)
    assert file.read_text() == "{"


def test_a_folder_that_is_not_there_is_one_line(tmp_path, speaker, capsys):
    assert add("ana", speaker, tmp_path / "nowhere" / "voices.json") == 2
    assert "choose another --file" in the_line(capsys)


def test_a_preview_speaks_in_the_voice(file, speaker, tmp_path):
    out = tmp_path / "out.wav"
    assert add("ana", speaker, file, *FAKE, "--preview", str(out)) == 0
    pcm, _ = read_wav(out)
    assert np.abs(pcm).max() > 1000


def test_a_language_without_a_sentence_needs_a_text(file, speaker, tmp_path, capsys):
    out = tmp_path / "out.wav"
    assert add("ana", speaker, file, *FAKE, "--preview", str(out), language="eo") == 2
    assert "give --text" in the_line(capsys)
    assert add("ana", speaker, file, *FAKE, "--preview", str(out), "--text", "saluton", language="eo") == 0
    assert out.exists()


def test_an_engine_that_does_not_clone_gives_no_preview_and_adds_nothing(
    file, speaker, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(FakeSynthesiser, "info", EngineInfo(name="plain"))
    assert add("ana", speaker, file, *FAKE, "--preview", str(tmp_path / "out.wav")) == 2
    assert "plain does not speak in recorded voices, so there is no preview" in the_line(capsys)
    assert not list(file.parent.iterdir())


def test_every_fault_of_the_file_is_a_line_and_the_exit_code_says_input(file, capsys):
    file.write_text(json.dumps({"ana": {"language": "?"}, "bea": {"language": "es", "speaker_wav": "b.wav"}}))
    assert run(["voices", *FAKE, "--file", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(str(file) in line for line in lines)


def test_built_in_voices_that_cannot_be_known_are_a_note(capsys, monkeypatch):
    def missing():
        raise ConfigError("no voices here")

    monkeypatch.setattr(profiles, "voice_names", missing)
    assert run(["voices", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["voices"] == []
    assert "no voices here" in told["note"]
    monkeypatch.setattr(profiles, "voice_names", lambda: ["pf_dora", "jm_kumo"])
    assert run(["voices", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["voices"]
    assert [(row["name"], row["language"]) for row in rows] == [("pf_dora", "pt"), ("jm_kumo", "")]


def test_serve_with_a_file_that_is_not_there_ends_with_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("VOICE_PROFILES_PATH", str(tmp_path / "nowhere.json"))
    assert run(["serve", *FAKE, "--port", "0"]) == 2
    assert "nowhere.json: there is no such file of voices" in the_line(capsys)
