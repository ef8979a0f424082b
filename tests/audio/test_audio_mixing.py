"""What goes out: the dub alone, with the original under it, or the original in its place."""

import numpy as np
import pytest

from sts_actors.audio.mixing import Mixing
from sts_actors.messages import Bed

RATE_HZ = 8000
SOURCE = np.full(RATE_HZ, 0.25, np.float32)
DUB = np.where(np.arange(RATE_HZ) < RATE_HZ // 2, 0.5, 0).astype(np.float32)
NOTHING = np.zeros(RATE_HZ, np.float32)


def test_without_a_bed_or_a_fallback_the_dub_goes_out_as_it_is():
    assert Mixing(RATE_HZ, None, original=False).dubbed(DUB, SOURCE, ()) is DUB


def test_with_a_bed_the_original_is_full_where_nobody_speaks_and_softer_where_anyone_does():
    mixed = Mixing(RATE_HZ, Bed(level_db=-20), original=False).dubbed(DUB, SOURCE, ())
    assert mixed[RATE_HZ // 4] == pytest.approx(0.5 + 0.025, abs=1e-3)
    assert mixed[-1] == pytest.approx(0.25, abs=1e-3)


def test_what_failed_is_the_original_until_the_next_dub():
    mixing = Mixing(RATE_HZ, None, original=True)
    mixing.dubbed(DUB, SOURCE, ())
    assert mixing.failed(NOTHING, SOURCE)[-1] == pytest.approx(0.25)
    after = mixing.dubbed(DUB, SOURCE, ())
    assert after[RATE_HZ // 4 :] == pytest.approx(DUB[RATE_HZ // 4 :])


def test_under_a_bed_what_failed_is_the_original_at_full_level():
    mixing = Mixing(RATE_HZ, Bed(), original=True)
    assert mixing.failed(NOTHING, SOURCE) == pytest.approx(SOURCE, abs=1e-6)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Mixing(RATE_HZ, Bed(), original=True).dubbed(DUB, SOURCE[:-1], ())
