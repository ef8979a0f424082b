"""Voice profiles: the voices that an operator names in a file, and which of them a stream speaks with.

A profile is a recording of a speaker, for engines that clone, or a built-in voice of the engine under another
name. The file is read and checked at the start, and again whenever it or a recording changes.
"""

from sts_actors.voices.book import VoiceBook, open_voice_book
from sts_actors.voices.choosing import ChosenVoice, choose, fitting, unservable
from sts_actors.voices.profile import Clip, VoiceProfile, Voices
from sts_actors.voices.reading import read_voices

__all__ = [
    "ChosenVoice",
    "Clip",
    "VoiceBook",
    "VoiceProfile",
    "Voices",
    "choose",
    "fitting",
    "open_voice_book",
    "read_voices",
    "unservable",
]
