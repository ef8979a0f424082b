import pytest

from sts_actors.cli.picture.languages import iso_639_2


@pytest.mark.parametrize(
    ("tag", "code", "bibliographic"),
    [
        ("pt", "por", "por"),
        ("pt-BR", "por", "por"),
        ("EN_gb", "eng", "eng"),
        ("de", "deu", "ger"),
        ("zh-Hant-TW", "zho", "chi"),
        ("fr", "fra", "fre"),
        ("yue", "yue", "yue"),
        ("fra", "fra", "fre"),
        ("xx", "und", "und"),
        ("", "und", "und"),
        ("1a2", "und", "und"),
    ],
)
def test_a_language_is_called_by_three_letters_as_its_container_wants_them(tag, code, bibliographic):
    assert iso_639_2(tag) == code
    assert iso_639_2(tag, bibliographic=True) == bibliographic
