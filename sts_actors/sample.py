"""The speech that newcomers hear dubbed first; it comes with a package of the embedded profile."""

import importlib.util
from pathlib import Path

PACKAGE = "moonshine_voice"
FILE = Path("assets", "two_cities.wav")
"""44 s of a man reading the opening of A Tale of Two Cities."""
LANGUAGE = "en"


def find_sample() -> Path | None:
    """The recording, out of the installed package, which is not imported for it; None where it is missing."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / FILE
        if path.is_file():
            return path
    return None
