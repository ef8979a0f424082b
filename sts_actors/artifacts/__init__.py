"""What went into a stream and what came out, kept on disk for a while: for looking at, and for `replay`.

    <root>/stream-<32 hex digits>/stream.json            what the worker asked for
                                  000000.json            a fragment: when it came, what became of it
                                  000000.in.adts         its bytes as they came
                                  000000.out.m4a         its dub as it was sent
                                  000000.1.json          what became of it in the second target language
                                  000000.1.out.m4a

Names come from hashes and counters, never from what a worker says.
"""

from sts_actors.artifacts.recorder import Artifacts, NoArtifacts, Recording, open_artifacts
from sts_actors.artifacts.store import Quota

__all__ = ["Artifacts", "NoArtifacts", "Quota", "Recording", "open_artifacts"]
