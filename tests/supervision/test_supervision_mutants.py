"""The list of guards that `just mutants` removes one by one stays true to the code."""

from pathlib import Path

import pytest
from supervision_mutants import MUTANTS

import supervision

FOLDER = Path(supervision.__file__).parent


def test_there_are_twenty_guards_at_least() -> None:
    assert len({(file, there) for file, there, _ in MUTANTS}) >= 20


@pytest.mark.parametrize(("file", "there", "instead"), MUTANTS)
def test_a_guard_that_is_to_be_removed_stands_in_the_code(file, there, instead) -> None:
    assert there in (FOLDER / file).read_text(encoding="utf-8")
    assert there != instead
