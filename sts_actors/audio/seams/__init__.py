"""Words cut by a fragment's end: what to ask the recogniser, and which words are decided. Pure."""

from sts_actors.audio.seams.policy import Dialogue, decide
from sts_actors.audio.seams.settings import SeamSettings
from sts_actors.audio.seams.spelling import join_words
from sts_actors.audio.seams.state import RATE_HZ, Decided, Heard, Question, SeamState

__all__ = [
    "RATE_HZ",
    "Decided",
    "Dialogue",
    "Heard",
    "Question",
    "SeamSettings",
    "SeamState",
    "decide",
    "join_words",
]
