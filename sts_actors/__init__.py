"""Live speech dubbing as supervised actors on Trio."""

__version__ = "0.1.0"
