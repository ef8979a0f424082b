"""What the page at /try is told, and who is told."""

import orjson
import pytest
from running import QUICK, http_get, running

from sts_actors.console.trying import COMMON_LANGUAGES, Trying, offered_languages
from sts_actors.dubbing import Dubbing
from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import Stage
from sts_actors.metrics import Metrics
from sts_actors.sample import find_sample
from sts_actors.settings import load_settings
from sts_actors.voices import VoiceProfile, Voices, fitting


class Loaded:
    """Models as far as these questions go."""

    def __init__(self, *, missing=(), **infos):
        self._infos = {Stage(stage): info for stage, info in infos.items()}
        self.missing = missing

    def info(self, stage):
        return self._infos.get(stage, EngineInfo(name="any"))

    def engine_names(self):
        return {stage.value: self.info(stage).name for stage in Stage}


def embedded():
    return Loaded(
        asr=EngineInfo(name="whisper", languages=("de", "en", "pt")),
        translation=EngineInfo(
            name="firefox", pairs=(("en", "pt"), ("pt", "en"), ("fr", "en"), ("en", "ja"))
        ),
        tts=EngineInfo(
            name="kokoro",
            languages=("en", "fr", "pt"),
            voices={"heart": "en", "dora": "pt", "kumo": ""},
            default_voices={"en": "heart", "pt": "dora"},
        ),
    )


async def asked(models):
    settings = load_settings(profile="fake", environment={})
    trying = Trying(Dubbing(settings=settings, models=models, metrics=Metrics()))
    return orjson.loads((await trying.options(None)).body)


def test_languages_are_offered_that_all_three_engines_can_do():
    assert offered_languages(embedded()) == {"en": ["pt"], "pt": ["en"]}


def test_engines_without_limits_are_offered_in_common_languages():
    offered = offered_languages(Loaded())
    assert set(offered) == set(COMMON_LANGUAGES)
    assert offered["en"] == [each for each in COMMON_LANGUAGES if each != "en"]


def test_an_unlimited_recogniser_is_offered_in_what_can_be_translated():
    models = Loaded(translation=EngineInfo(name="t", pairs=(("sv", "en"),)))
    assert offered_languages(models) == {"sv": ["en"]}


async def test_each_language_has_its_voices_and_the_one_that_speaks_where_none_is_chosen():
    told = await asked(embedded())
    assert told["voices"] == {"en": ["heart", "kumo"], "pt": ["dora", "kumo"]}
    assert told["default_voices"] == {"en": "heart", "pt": "dora"}
    assert told["engines"] == {"asr": "whisper", "translation": "firefox", "tts": "kokoro"}


async def test_while_models_load_it_is_told_which():
    told = await asked(Loaded(missing=(Stage.TTS,)))
    assert told == {"ready": False, "missing": ["tts"]}


async def test_the_sample_is_offered_where_its_language_can_be_dubbed():
    only_french = Loaded(translation=EngineInfo(name="t", pairs=(("fr", "pt"),)))
    assert (await asked(embedded()))["sample"] == {"language": "en"}
    assert (await asked(only_french))["sample"] is None


async def test_a_sample_that_is_not_installed_is_not_offered_and_not_found():
    settings = load_settings(profile="fake", environment={})
    trying = Trying(Dubbing(settings=settings, models=embedded(), metrics=Metrics()), sample=None)
    assert orjson.loads((await trying.options(None)).body)["sample"] is None
    assert (await trying.recording(None)).status == 404


def test_a_voice_of_the_engine_is_hidden_by_a_profile_of_its_name_that_cannot_speak():
    info = EngineInfo(name="e", voices={"ann": "en", "bob": "en"})
    profile = VoiceProfile(name="ann", language="en", voice="nobody")
    assert fitting("en", Voices(profiles={"ann": profile}), info) == ("bob",)


async def test_the_service_gives_the_sample_and_its_options_to_this_machine():
    async with running(**QUICK) as service:
        status, body = await http_get(service, "/try/sample.wav")
        assert (status, body) == (200, find_sample().read_bytes())
        status, body = await http_get(service, "/try/options")
        assert (status, orjson.loads(body)["ready"]) == (200, True)


@pytest.mark.parametrize("path", ["/try/sample.wav", "/try/options"])
async def test_with_a_token_set_they_are_for_who_has_it(path):
    async with running(**QUICK, auth_token="open sesame") as service:
        assert (await http_get(service, path))[0] == 401
        assert (await http_get(service, "/try"))[0] == 200
