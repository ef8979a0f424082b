"""What one call of DeepL's asks."""

import attrs


@attrs.frozen(kw_only=True)
class Call:
    """One text for `/v2/translate`, in DeepL's own words; `context` goes along untranslated."""

    text: str = attrs.field(repr=False)
    source: str
    target: str
    context: str = attrs.field(default="", repr=False)
    formality: str | None = None
    glossary: str | None = None
    instructions: tuple[str, ...] = ()
