"""Which glossary goes with which pair of languages. Pure.

DeepL refuses a text whose pair the glossary does not know, so a glossary of one pair must be kept to it.
"""

from collections.abc import Mapping

from sts_actors.errors import ConfigError


def parse_glossaries(text: str) -> dict[str, str]:
    """Ids by pair: `ID` alone is under "", for every pair; `en-pt=ID,en-de=ID` names their pairs.

    Raises:
        ConfigError: it is neither.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return {"": parts[0]}
    found = {}
    for part in parts:
        pair, _, glossary = (each.strip() for each in part.partition("="))
        if pair.count("-") != 1 or not glossary:
            raise ConfigError(
                f"DEEPL_GLOSSARY_ID={text}: must be the id of a glossary, or pairs such as en-pt=ID,en-de=ID"
            )
        found[pair.lower()] = glossary
    return found


def choose_glossary(glossaries: Mapping[str, str], source: str, target: str) -> str | None:
    """The glossary for a pair of primary languages, if there is one."""
    return glossaries.get(f"{source}-{target}", glossaries.get(""))
