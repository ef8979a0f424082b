import pytest
from browser_chromium import chromium, console_errors, resized
from browser_service import serving
from browser_workers import Workers


@pytest.fixture(scope="session")
def one_chromium(tmp_path_factory):
    """Started once: it takes a second or two."""
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def browser(one_chromium):
    """An empty tab of a wide, light screen. That nothing went wrong in the page is part of every test.

    A test that provokes errors takes them with `console_errors` itself.
    """
    one_chromium.get("about:blank")
    resized(one_chromium, 1440, 900, scheme="light")
    console_errors(one_chromium)
    yield one_chromium
    found = console_errors(one_chromium)
    if one_chromium.current_url.startswith("http"):
        one_chromium.execute_script("localStorage.clear(); sessionStorage.clear()")
    one_chromium.get("about:blank")
    assert not found, found


@pytest.fixture(scope="session")
def service():
    """A service of the fake profile, shared: its streams are told apart by their ids."""
    with serving(FAKE_ASR_LATENCY=0.2, FAKE_TRANSLATION_LATENCY=0.1, FAKE_TTS_LATENCY=0.2) as served:
        yield served


@pytest.fixture
def workers(service):
    with Workers(service.url) as workers:
        yield workers
