"""What streams did, kept in bounded memory while the service runs: a witness that can be asked.

`Journal` is told of all streams (`sts_actors.witness`), knows each open one and the last that ended, and of
each its latest fragments: spans by stage, texts, outcomes, and the sound while there is room for it. Nothing
here waits, copies a sound, reads or writes.
"""

from sts_actors.journal.fragments import Answer, FragmentEntry, Span
from sts_actors.journal.journal import Journal
from sts_actors.journal.sound import Sound
from sts_actors.journal.streams import RefusalNote, RestartNote, StreamEntry

__all__ = ["Answer", "FragmentEntry", "Journal", "RefusalNote", "RestartNote", "Sound", "Span", "StreamEntry"]
