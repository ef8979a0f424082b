"""What is typed after `dub`: languages, voices, and what is written in the end."""

from pathlib import Path

import attrs
import pytest
from test_cli_report import report

from sts_actors.cli.dub import read_languages, read_voice
from sts_actors.cli.dub_job import Finished
from sts_actors.cli.errors import CommandError
from sts_actors.cli.main import run
from sts_actors.cli.naming import outputs_by_language


@pytest.mark.parametrize(
    ("typed", "languages"),
    [("pt", ("pt",)), ("pt-BR", ("pt-BR",)), ("pt,es", ("pt", "es")), ("pt_BR, ES", ("pt-br", "es"))],
)
def test_languages_are_separated_by_commas(typed, languages):
    assert read_languages(typed) == languages


@pytest.mark.parametrize("typed", ["", ",", "pt,", "pt,,es", "pt,pt", "pt-br,pt_BR"])
def test_a_language_that_is_missing_or_doubled_is_one_line(typed, capsys):
    with pytest.raises(CommandError, match="each language once"):
        read_languages(typed)
    assert run(["dub", "talk.wav", "--to", typed]) == 2
    assert capsys.readouterr().err.startswith("sts-actors: --to")


@pytest.mark.parametrize(
    ("typed", "voice"),
    [
        (None, None),
        ("dora", "dora"),
        ("pt=dora", {"pt": "dora"}),
        ("pt=dora, es=alex", {"pt": "dora", "es": "alex"}),
    ],
)
def test_a_voice_is_a_name_or_one_for_each_language(typed, voice):
    assert read_voice(typed) == voice


@pytest.mark.parametrize("typed", ["=", "pt=", "=dora", "pt=dora,alex", "pt=dora,"])
def test_a_voice_without_its_language_is_refused(typed):
    with pytest.raises(CommandError, match="pt=NAME"):
        read_voice(typed)


@pytest.mark.parametrize(
    "option", [["--seam", "glue"], ["--bed", "loud"], ["--verify", "1.5"], ["--verify", "-0.1"]]
)
def test_an_option_that_no_service_takes_is_refused_at_once(option, capsys):
    assert run(["dub", "talk.wav", *option]) == 2
    assert option[0] in capsys.readouterr().err


def finished(*languages):
    first, *further = outputs_by_language(
        Path("talk.mp3"), None, source_language="en", target_languages=languages
    )
    outputs = {tag: str(each.wav) for tag, each in zip(languages, (first, *further), strict=True)}
    its = report()
    if further:
        its = attrs.evolve(its, outputs=outputs)
    return [
        (label, str(path))
        for label, path in Finished(report=its, paths=first, further=tuple(further)).files()
    ]


def test_all_that_was_written_is_named():
    assert finished("pt") == [("dub", "talk.pt.wav"), ("en", "talk.en.srt"), ("pt", "talk.pt.srt")]
    assert finished("pt", "es") == [
        ("pt", "talk.pt.wav"),
        ("es", "talk.es.wav"),
        ("en", "talk.en.srt"),
        ("pt", "talk.pt.srt"),
        ("es", "talk.es.srt"),
    ]
