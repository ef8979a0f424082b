"""A worker that counts no results comes back to a stream with several languages."""

from hypothesis import given
from hypothesis import strategies as st

from sts_actors.wire.retained import Retained


@given(st.data(), st.integers(1, 6), st.integers(1, 3))
def test_a_worker_that_names_its_last_fragment_misses_no_language_of_it(data, fragments, languages):
    """Each language is told in order, at its own pace; the worker has all up to some number."""
    kept, told = Retained(size_max=10**6), dict.fromkeys([f"l{n}" for n in range(languages)], 0)
    sequence = {}
    while open_ones := [tag for tag, count in told.items() if count < fragments]:
        tag = data.draw(st.sampled_from(open_ones))
        payload = {"sequence_number": told[tag], "target_language": tag}
        sequence[kept.add("fragment:processed", payload, 1).number] = told[tag]
        told[tag] += 1
    has = data.draw(st.integers(1, len(sequence)))
    assert kept.number_of_answer(sequence[has]) <= has


def test_of_a_fragment_that_was_answered_twice_the_last_answer_counts():
    for language in (None, "pt"):
        kept = Retained(size_max=100)
        for _ in range(2):
            kept.add("fragment:processed", {"sequence_number": 7, "target_language": language}, 1)
        assert kept.number_of_answer(7) == 2
