"""DeepL's language codes and ours, both ways. Pure.

A source has no region for DeepL (`EN`); some targets must have one (`EN-US`), and it refuses them without.
"""

from collections.abc import Collection, Iterable

SOURCES = (
    "AR", "BG", "CS", "DA", "DE", "EL", "EN", "ES", "ET", "FI", "FR", "HE", "HU", "ID", "IT", "JA", "KO",
    "LT", "LV", "NB", "NL", "PL", "PT", "RO", "RU", "SK", "SL", "SV", "TH", "TR", "UK", "VI", "ZH",
)  # fmt: skip
TARGETS = (
    *(code for code in SOURCES if code not in {"EN", "PT", "ZH"}),
    "EN-GB", "EN-US", "ES-419", "PT-BR", "PT-PT", "ZH-HANS", "ZH-HANT",
)  # fmt: skip
"""What the service offers, for when it cannot be asked."""

INSTRUCTED = frozenset({"de", "en", "es", "fr", "it", "ja", "ko", "zh"})
"""Targets, in all their variants, for which the service takes instructions."""

_ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id"}
_VARIANTS = {
    "en": {"": "EN-US", "gb": "EN-GB", "uk": "EN-GB", "ie": "EN-GB", "au": "EN-GB", "nz": "EN-GB"},
    "es": {"419": "ES-419"},
    "pt": {"": "PT-BR", "pt": "PT-PT", "ao": "PT-PT", "mz": "PT-PT"},
    "zh": {"": "ZH-HANS", "hant": "ZH-HANT", "tw": "ZH-HANT", "hk": "ZH-HANT", "mo": "ZH-HANT"},
}
"""By language: the code for a region or script, and under "" the one for any other."""


def source_code(tag: str) -> str:
    """DeepL's code for a source: `en-GB` → `EN`, `no` → `NB`."""
    return _parts(tag)[0].upper()


def target_code(tag: str, offered: Collection[str] = ()) -> str:
    """DeepL's code for a target: `en` → `EN-US`, `pt-BR` → `PT-BR`, `zh-Hant-HK` → `ZH-HANT`.

    Args:
        tag: of the language, with or without script and region.
        offered: the service's own list. Where it lacks the best code, the language without region or
            another of its regions stands in.
    """
    language, *rest = _parts(tag)
    variants = _VARIANTS.get(language, {})
    named = [variants[part] for part in rest if part in variants]
    best = next(iter(named), variants.get("", language.upper()))
    others = sorted(code for code in offered if our_language(code) == language)
    # The service's own codes may come in any case.
    known = {code.upper() for code in offered}
    if not known or best in known:
        return best
    if language.upper() in known and not variants:
        return language.upper()
    return next((code.upper() for code in others if code.upper() not in {"EN", "PT"}), best)


def our_language(code: str) -> str:
    """The primary language of a code of DeepL's: `PT-BR` → `pt`."""
    return code.lower().split("-", 1)[0]


def language_pairs(sources: Iterable[str], targets: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """All `(source, target)` pairs, in our codes and with those that are other names of theirs."""
    spoken, written = _with_aliases(sources), _with_aliases(targets)
    return tuple((source, target) for source in spoken for target in written if source != target)


def _with_aliases(codes: Iterable[str]) -> list[str]:
    known = {our_language(code) for code in codes}
    return sorted(known | {alias for alias, language in _ALIASES.items() if language in known})


def _parts(tag: str) -> list[str]:
    language, *rest = tag.replace("_", "-").lower().split("-")
    return [_ALIASES.get(language, language), *rest]
