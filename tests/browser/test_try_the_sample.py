"""The sample, dubbed by the real engines: what a newcomer hears first."""

import numpy as np
import pytest
from browser_chromium import chromium, console_errors, until
from browser_service import serving
from try_page import (
    PATIENCE_S,
    downloaded,
    finished,
    one,
    phrases,
    samples_of,
    show,
    start,
)

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def embedded():
    with serving("embedded") as served:
        yield served


def test_a_man_who_reads_is_heard_in_portuguese(embedded, tmp_path):
    with chromium(tmp_path / "profile", downloads=tmp_path) as driver:
        show(driver, embedded.url)
        start(driver)
        until(driver, lambda: phrases(driver), PATIENCE_S)
        assert phrases(driver)[0][0].lower().startswith("it was the best of times")
        # What was sent is enough to hear: the rest of the 44 seconds is more of the same.
        one(driver, "#stop").click()
        # How fast the machine is, is not what is asked here.
        finished(driver, excused="too slow")
        said = " ".join(said for said, _ in phrases(driver)).lower()
        spoken = " ".join(spoken for _, spoken in phrases(driver)).lower()
        assert "worst of times" in said
        assert "tempo" in spoken
        assert "kokoro" in one(driver, "#engines").text
        files = downloaded(driver, tmp_path)
        samples = samples_of(files["sample.pt.wav"])
        assert len(samples) >= 12 * 16_000
        assert np.abs(samples).max() > 1000
        assert "-->" in files["sample.en.srt"].decode()
        assert console_errors(driver) == []
