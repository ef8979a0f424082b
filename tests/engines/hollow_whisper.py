"""Folders that look like a converted Whisper model."""

import struct


def hollow_whisper(folder, *, variables=0):
    """All the files there should be, but no weights: whole as far as a look at it tells.

    `variables` weights of four bytes each stand in for the real ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_text("{}")
    (folder / "model.bin").write_bytes(
        struct.pack("<I", 6)
        + text("WhisperSpec")
        + struct.pack("<II", 3, variables)
        + b"".join(text(f"v{n}") + struct.pack("<BIBIf", 1, 1, 0, 4, 0.5) for n in range(variables))
        + struct.pack("<I", 1)
        + text("alias")
        + text("v0")
    )
    return folder


def text(words):
    return struct.pack("<H", len(words) + 1) + words.encode() + b"\0"
