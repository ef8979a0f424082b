"""`deploy/.env.example`: every variable that the service reads, made from its settings."""

import textwrap
from collections.abc import Iterator
from typing import Any

import attrs

from sts_actors.settings import Settings, load_settings, setting_fields
from sts_actors.settings.values import allowed, is_secret

WIDTH = 110

OTHERS = (
    ("STS_CACHE_DIR", "where model data is kept; the images say /models"),
    ("STS_TRACEBACK", "1 shows the traceback of a command that fails"),
    ("COQUI_TOS_AGREED", "1 says that you accept the licence of XTTS v2's weights: no commercial use"),
    ("HF_ENDPOINT", "another address of the model hub, for `models fetch`"),
    ("HF_TOKEN", "the model hub's token, where a model asks for one; a secret"),
)
"""Variables that are no settings, and what they are for."""

_HEAD = """\
# Every variable of the service. Copy to .env, fill in what you need, and keep that file to yourself.
# A line that is commented out shows the default of the profile `embedded`. An empty value counts as not set.
# Made by `just reference`; docs/configuration.md says more.
"""


def environment_example() -> str:
    """The file, secrets empty."""
    embedded = load_settings(profile="embedded", environment={})
    production = load_settings(profile="production", environment={})
    lines = [_HEAD]
    section = ""
    for name, field in setting_fields().items():
        variables = field.metadata["env"]
        if not variables:
            continue
        head = field.metadata["path"].partition(".")[0]
        if head != section:
            section = head
            lines += [f"# ---- {section} ----", ""]
        default, theirs = getattr(embedded, name), getattr(production, name)
        lines += _described(field)
        if theirs != default:
            lines.append(f"# the profile production: {_text(theirs)}")
        lines += [*_assigned(field, default), ""]
    lines += ["# ---- other ----", ""]
    for variable, means in OTHERS:
        lines += [f"# {means}", f"{variable}=" if "secret" in means else f"#{variable}=", ""]
    return "\n".join(lines[:-1]) + "\n"


def variables() -> frozenset[str]:
    """The names of all variables that the service reads."""
    settings = {variable for field in setting_fields().values() for variable in field.metadata["env"]}
    return frozenset(settings | {variable for variable, _ in OTHERS})


def _described(field: "attrs.Attribute[Settings]") -> Iterator[str]:
    text = f"{field.metadata['means']} ({allowed(field)})"
    if is_secret(field):
        text = f"{field.metadata['means']}; a secret"
    return (f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False))


def _assigned(field: "attrs.Attribute[Settings]", default: Any) -> Iterator[str]:
    first, *others = field.metadata["env"]
    yield f"{first}=" if is_secret(field) else f"#{first}={_text(default)}"
    yield from (f"# {other} says the same" for other in others)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
