"""No secret gets into a line: by its value in any spelling, by the name it goes by, by the word before it."""

import base64
import json
import logging
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_lines import logged

from sts_actors.logs import Redactor, secrets_of
from sts_actors.logs.redaction import HIDDEN, is_secret_name
from sts_actors.settings import load_settings

log = logging.getLogger("tests.logs")

SECRET = 'sésame "9/x+ y'
SPELLINGS = [
    SECRET,
    quote_plus(SECRET),
    repr(SECRET),
    json.dumps(SECRET),
    base64.b64encode(SECRET.encode()).decode(),
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_setting_is_hidden_wherever_it_stands(form, spelling):
    with logged(form, auth_token=SECRET) as written:
        log.info("it is %s.", spelling, extra={"a": spelling, "b": {spelling: [f"x{spelling}x"]}})
        try:
            raise ValueError(spelling)  # noqa: TRY301 - a traceback is all it takes
        except ValueError as error:
            error.add_note(spelling)
            log.exception("failed")
    assert "sésame" not in written.text
    assert "\\u00e9same" not in written.text
    assert SPELLINGS[4] not in written.text
    assert "%C3%A9same" not in written.text
    assert HIDDEN in written.text


@settings(deadline=None)
@given(st.text(min_size=6), st.text(), st.text())
def test_no_text_around_it_keeps_a_secret_from_being_hidden(secret, before, after):
    hidden = Redactor([secret]).text(before + secret + after)
    assert secret not in hidden.replace(HIDDEN, "") or secret in before + after


def test_a_secret_is_not_cut_in_half_before_it_is_looked_for():
    secret = "0123456789abcdef"
    for at in range(200, 300, 7):
        with logged(auth_token=secret) as written:
            log.info("%s", f"{'x' * at}{secret}{'y' * 5000}")
        assert "0123" not in written.text
        assert "cdef" not in written.text


def test_the_longer_of_two_secrets_leaves_nothing_of_itself():
    assert Redactor(["secret", "secret-and-more"]).text("a secret-and-more") == f"a {HIDDEN}"


def test_a_short_secret_is_hidden_by_itself_and_spoils_no_other_word():
    redactor = Redactor(["as"])
    assert redactor.text("as was, 'as' x=as") == f"{HIDDEN} was, '{HIDDEN}' x={HIDDEN}"


@pytest.mark.parametrize(
    "name",
    [
        *("token", "auth_token", "AUTH-TOKEN", "Authorization", "api_key", "api-key", "apikey"),
        *("deepl_auth_key", "password", "client_secret", "Cookie", "resume_token", "access_key", "authToken"),
    ],
)
def test_what_goes_by_such_a_name_is_hidden_whatever_it_is(name):
    assert is_secret_name(name)
    with logged() as written:
        log.info("here", extra={name: "mine", "deep": [{name: 17}]})
    assert written.told[0][name] == HIDDEN
    assert written.told[0]["deep"] == [{name: HIDDEN}]


@pytest.mark.parametrize(
    "name", ["tokens", "device_tokens", "tokens_free", "batch_key", "key", "keyboard", "author"]
)
def test_other_names_are_not_taken_for_it(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-1", f"Authorization: Bearer {HIDDEN}"),
        ("DeepL-Auth-Key 279a2e9d-83b3:fx refused", f"DeepL-Auth-Key {HIDDEN} refused"),
        ("GET /v2?auth_key=abc&text=hello", f"GET /v2?auth_key={HIDDEN}&text=hello"),
        ('{"token": "abc", "n": 1}', f'{{"token": {HIDDEN}, "n": 1}}'),
        ("password = 'a b'", f"password = {HIDDEN} b'"),
        ("5 of 8 tokens free, batch_key=en", "5 of 8 tokens free, batch_key=en"),
        ("the basic idea", "the basic idea"),
        ("authorization: Basic eDp5", f"authorization: Basic {HIDDEN}"),
        ("key: of the house", "key: of the house"),
    ],
)
def test_what_looks_like_a_secret_by_the_word_before_it_is_hidden(text, shown):
    assert Redactor().text(text) == shown


def test_the_secrets_are_those_of_the_settings_and_of_the_environment():
    chosen = load_settings(
        profile="fake", overrides={"auth_token": "one", "deepl_auth_key": "two"}, environment={}
    )
    environment = {
        "HF_TOKEN": "three-is-long",
        "AWS_SECRET_ACCESS_KEY": "four-is-long",
        "HOME": "/root",
        "MY_PASSWORD": "short",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-a=five-is-long,b=six-is-long",
    }
    assert set(secrets_of(chosen, environment)) == {
        "one",
        "two",
        "three-is-long",
        "four-is-long",
        "five-is-long",
        "six-is-long",
    }


def test_it_does_not_show_what_it_knows():
    assert "sesame" not in repr(Redactor(["open sesame"]))
