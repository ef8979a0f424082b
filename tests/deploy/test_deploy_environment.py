"""deploy/.env.example names every variable, as it is read."""

from deploy_files import DEPLOY

from sts_actors.cli.environment import environment_example, variables
from sts_actors.settings import load_settings

EXAMPLE = (DEPLOY / ".env.example").read_text("utf-8")


def assigned(*, defaults):
    """The variables of the file; with `defaults`, those that are commented out as well."""
    for line in EXAMPLE.splitlines():
        spoken = line.removeprefix("#") if defaults else line
        name, equals, value = spoken.partition("=")
        if equals and name.isupper() and not name.startswith("#") and " " not in name:
            yield name, value


def test_it_is_what_the_settings_make_of_it():
    assert environment_example() == EXAMPLE, "run: just reference"


def test_every_variable_stands_in_it():
    assert variables() - {"DEEPL_API_KEY"} == {name for name, _ in assigned(defaults=True)}
    assert "DEEPL_API_KEY says the same" in EXAMPLE


def test_as_it_is_it_changes_nothing():
    assert load_settings(environment=dict(assigned(defaults=False))) == load_settings(environment={})


def test_the_defaults_that_it_shows_are_the_defaults():
    assert load_settings(environment=dict(assigned(defaults=True))) == load_settings(environment={})


def test_its_secrets_are_empty():
    filled = dict(assigned(defaults=False))
    assert filled == {"STS_AUTH_TOKEN": "", "DEEPL_AUTH_KEY": "", "HF_TOKEN": ""}


def test_a_variable_that_the_code_reads_is_among_them():
    sources = DEPLOY.parent / "sts_actors"
    read = {
        "STS_CACHE_DIR": "engines/weights/assets.py",
        "STS_TRACEBACK": "cli/boundary.py",
        "COQUI_TOS_AGREED": "engines/weights/hub_fetch.py",
        "HF_ENDPOINT": "engines/weights/hub_fetch.py",
    }
    for name, place in read.items():
        assert name in (sources / place).read_text("utf-8")
    assert set(read) <= variables()
