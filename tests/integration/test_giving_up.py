"""What is left at a drain's deadline is answered one by one; who comes back meanwhile is told the rest."""

from types import SimpleNamespace

from desk import open_desk

from sts_actors.answering import Answering
from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import AudioFormat, Container, StreamConfig
from sts_actors.replies import Reply
from sts_actors.wire.fragments import AudioShape

CONFIG = StreamConfig(
    stream_id="s",
    source_language="en",
    target_language="pt",
    label=AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1),
)
LATE = ServiceError(ErrorCode.TIMEOUT, "the deadline has passed")


class Curious:
    """An outlet that asks, whenever it is told something, what is still unanswered."""

    def __init__(self):
        self.seen = []
        self.answering = None

    async def tell(self, event, payload, *, size):
        self.seen.append((payload["fragment_id"], self.answering.unanswered))


async def test_what_is_given_up_is_named_as_unanswered_once_until_its_answer_is_told(autojump_clock):
    stream = SimpleNamespace(config=CONFIG)
    outlet = Curious()
    async with open_desk() as desk:
        answering = outlet.answering = Answering(outlet, desk.dubbing)
        for number, name in enumerate("abc"):
            answering.replies[number] = Reply(
                fragment_id=name,
                sequence_number=number,
                received=0.0,
                duration_ms=100,
                shape=AudioShape.BYTES,
            )
        await answering.give_up(stream, LATE)
    assert outlet.seen == [
        ("a", [("b", 1, ""), ("c", 2, "")]),
        ("b", [("c", 2, "")]),
        ("c", []),
    ]
