"""Debian's Chromium without a window: a profile of its own, and what goes wrong in a page is kept."""

import shutil
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

MISSING = "{} is not installed: `just browser` installs Debian's chromium and chromium-driver"
QUIET = (
    "--headless=new",
    "--no-sandbox",  # Root has none, and the pages are ours.
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--force-prefers-reduced-motion",
    "--lang=en-GB",
)
PATIENCE_S = 20


def fake_microphone(wav):
    """Arguments with which a page that asks for the microphone gets it, and hears `wav` from its start."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}",
    )


@contextmanager
def chromium(folder, *arguments, downloads=None):
    """A driven browser; `folder` becomes its profile.

    What a page downloads goes to `downloads`, where that is named.
    """
    options = ChromeOptions()
    options.binary_location = _found("chromium")
    for argument in (*QUIET, "--window-size=1440,900", f"--user-data-dir={folder}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if downloads is not None:
        asked = {"download.default_directory": str(downloads), "download.prompt_for_download": False}
        options.add_experimental_option("prefs", asked)
    driver = Chrome(options=options, service=ChromeService(_found("chromedriver")))
    try:
        driver.set_script_timeout(60)
        yield driver
    finally:
        driver.quit()


def _found(program):
    path = shutil.which(program)
    if path is None:
        pytest.fail(MISSING.format(program), pytrace=False)
    return path


def console_errors(driver):
    """What went wrong in the page since this was last asked: errors, and refusals of the content policy."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def until(driver, condition, timeout_s=PATIENCE_S):
    """Wait until `condition()` is true, and return what it gave; a page may change under it meanwhile."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    passing = (NoSuchElementException, StaleElementReferenceException)
    waiting = WebDriverWait(driver, timeout_s, poll_frequency=0.05, ignored_exceptions=passing)
    return waiting.until(lambda _: condition())


def resized(driver, width, height, *, scheme=None):
    """Give the page a size, as a phone has it, and a colour scheme: `light` or `dark`."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    if scheme:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
