"""A dub and the picture that it belongs to, in one file: containers, tracks, subtitles."""
