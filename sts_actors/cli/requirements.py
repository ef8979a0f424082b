"""What this package asks of others, by extra, and what is installed of it."""

import re
import shlex
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import attrs

import sts_actors

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?P<brackets>\[[^\]]*\])?\s*(?P<versions>[^;]*)(;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")


@attrs.frozen(kw_only=True)
class Requirement:
    """One dependency; `extra` is "" for those that every installation has."""

    name: str
    versions: str
    extra: str = ""


@attrs.frozen(kw_only=True)
class Package:
    """A requirement and the version that is installed, or None."""

    requirement: Requirement
    installed: str | None

    @property
    def fits(self) -> bool:
        """Installed, and where one exact version is asked for, that one."""
        if self.installed is None:
            return False
        pinned = self.requirement.versions.removeprefix("==")
        return pinned in {self.requirement.versions, self.installed}


def parse(line: str, extra: str = "") -> Requirement:
    """A requirement as package metadata spell it: `av>=15`, `deepl>=1.32; extra == "xtts"`.

    Raises:
        ValueError: it is none.
    """
    match = _REQUIREMENT.fullmatch(line.strip())
    if match is None:
        raise ValueError(f"not a requirement: {line!r}")
    named = _EXTRA.search(match["marker"] or "")
    return Requirement(
        name=match["name"],
        versions=match["versions"].replace(" ", "").strip("()"),
        extra=named["extra"] if named else extra,
    )


def packages(name: str, folder: Path | None) -> tuple[Package, ...]:
    """All that `name` asks for; out of the `pyproject.toml` in `folder` where it is not installed."""
    try:
        requirements = [parse(line) for line in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:
        requirements = _from_checkout(folder)
    return tuple(Package(requirement=each, installed=installed(each.name)) for each in requirements)


def checkout() -> Path | None:
    """The folder of the source tree that this runs from, or None where it was installed as a wheel."""
    folder = Path(sts_actors.__file__).parent.parent
    return folder if (folder / "pyproject.toml").is_file() else None


def install_command(extra: str) -> str:
    """The command that installs an extra into the Python that is running."""
    folder = checkout()
    what = f"sts_actors[{extra}]" if folder is None else f"{folder}[{extra}]"
    editable = () if folder is None else ("-e",)
    return shlex.join([sys.executable, "-m", "pip", "install", *editable, what])


def installed(name: str) -> str | None:
    """The installed version of a distribution."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _from_checkout(folder: Path | None) -> list[Requirement]:
    if folder is None or not (folder / "pyproject.toml").is_file():
        return []
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    return [parse(line) for line in project["dependencies"]] + [
        parse(line, extra) for extra, lines in extras.items() for line in lines
    ]
