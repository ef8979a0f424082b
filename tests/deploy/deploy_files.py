"""The files of deploy/, read as those who run them would."""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BESIDE_PYTHON = Path(sys.executable).parent


def instructions():
    """Each instruction of the Dockerfile as its word and the rest, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def stages():
    """The instructions of each stage by its name, those of the stage that it starts from included."""
    found = {}
    for word, rest in instructions():
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            found[name] = current = list(found.get(base, ()))
        else:
            current.append((word, rest))
    return found


def last(stage, word):
    """What an instruction says in the end."""
    return [rest for one, rest in stages()[stage] if one == word][-1]


def compose():
    """The compose file, anchors resolved."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def seconds(text):
    """A duration of compose or Docker: `45s`, `1m30s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+)([hms])", text)
    assert "".join(number + unit for number, unit in parts) == text
    return sum(int(number) * units[unit] for number, unit in parts)
