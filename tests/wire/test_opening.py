"""`stream:init` in both dialects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Container
from sts_actors.wire.opening import Defaults, Dialect, parse_opening

FLAT = {
    "source_language": "en",
    "target_language": "pt",
    "voice_profile": "anna",
    "chunk_duration_ms": 6000,
    "sample_rate_hz": 16000,
    "channels": 1,
    "format": "pcm_s16le",
}


def parse(data, headers=None, **defaults):
    return parse_opening(data, headers=headers or {}, defaults=Defaults(**defaults), new_id=lambda: "made")


def test_a_flat_opening_is_read_field_by_field():
    opening = parse(FLAT)
    assert opening.dialect is Dialect.FLAT
    assert opening.config.voice == "anna"
    assert opening.config.label.container is Container.PCM_S16LE
    assert opening.config.label.sample_rate_hz == 16000
    assert (opening.config.max_inflight, opening.config.timeout_ms) == (3, 8000)


def test_a_nested_opening_takes_its_ids_from_outside_and_the_rest_from_config():
    opening = parse(
        {
            "stream_id": "match-7",
            "worker_id": "w1",
            "config": FLAT | {"format": "m4a", "sample_rate_hz": 48000, "channels": 2, "max_inflight": 5},
        }
    )
    assert opening.dialect is Dialect.NESTED
    assert (opening.config.stream_id, opening.worker_id) == ("match-7", "w1")
    assert opening.config.label.container is Container.M4A
    assert opening.config.max_inflight == 5


def test_headers_name_the_stream_where_the_payload_does_not():
    assert parse(FLAT, {"X-Stream-ID": "from-header"}).config.stream_id == "from-header"
    assert parse(FLAT | {"stream_id": "own"}, {"X-Stream-ID": "from-header"}).config.stream_id == "own"
    assert parse(FLAT).config.stream_id == "made"


def test_the_service_decides_where_the_worker_says_nothing():
    config = parse(FLAT, max_inflight=7, timeout_ms=5000).config
    assert (config.max_inflight, config.timeout_ms) == (7, 5000)


@pytest.mark.parametrize(
    ("given", "normal"), [("EN", "en"), ("en-US", "en-us"), ("pt_BR", "pt-br"), ("zh-Hans-CN", "zh-hans-cn")]
)
def test_languages_are_normalised(given, normal):
    assert parse(FLAT | {"source_language": given}).config.source_language == normal


@pytest.mark.parametrize("bad", [None, "", "e", "english", "en\n", 7, ["en"], "en--us", "../en"])
def test_what_is_no_language_is_unsupported(bad):
    with pytest.raises(ServiceError, match="source_language") as caught:
        parse(FLAT | {"source_language": bad})
    assert caught.value.code is ErrorCode.UNSUPPORTED_LANGUAGE


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("sample_rate_hz", 7999),
        ("sample_rate_hz", 96001),
        ("sample_rate_hz", True),
        ("sample_rate_hz", 16000.0),
        ("sample_rate_hz", "16000"),
        ("channels", 0),
        ("channels", 3),
        ("format", "mp3"),
        ("format", "adts"),
        ("max_inflight", 0),
        ("max_inflight", 11),
        ("timeout_ms", 999),
        ("timeout_ms", 30001),
        ("chunk_duration_ms", -1),
        ("voice_profile", 5),
        ("voice_profile", "a\nb"),
        ("voice_profile", "x" * 129),
        ("stream_id", {}),
        ("domain_hints", {"a": 1}),
        ("domain_hints", [1]),
    ],
)
def test_a_field_out_of_range_is_named_in_the_refusal(field, bad):
    with pytest.raises(ServiceError, match=field.removesuffix("_hz")) as caught:
        parse(FLAT | {field: bad})
    assert caught.value.code is ErrorCode.INVALID_CONFIG
    assert "\n" not in caught.value.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.one_of(
        json_values,
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys([*FLAT, "config", "stream_id", "domain_hints"], json_values)
        ),
    )
)
def test_any_json_gives_an_opening_or_one_typed_refusal(data):
    codes = set()
    try:
        rate = parse(data).config.label.sample_rate_hz
    except ServiceError as error:
        codes = {error.code}
        rate = 8000
    assert 8000 <= rate <= 96000
    assert codes <= {ErrorCode.INVALID_CONFIG, ErrorCode.UNSUPPORTED_LANGUAGE}
