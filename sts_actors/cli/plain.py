"""Text from elsewhere, made safe for a terminal and a subtitle."""


def one_line(text: str) -> str:
    """`text` on one line without control characters: a server's words must not move the cursor."""
    spaced = " ".join(text.split())
    return spaced if spaced.isprintable() else "".join(c for c in spaced if c.isprintable())


def clock(seconds: float) -> str:
    """Seconds as `M:SS`, or `H:MM:SS` from an hour on."""
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"
