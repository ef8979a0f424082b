import pytest
from javascript import evaluator


@pytest.fixture(scope="session")
def js():
    with evaluator() as evaluate:
        yield evaluate
