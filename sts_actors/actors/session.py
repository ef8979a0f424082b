"""The session actor: turns what a worker sent into samples."""

import attrs
import trio

from sts_actors.actors.compute import Compute
from sts_actors.actors.stage import StageLimits, run_stage
from sts_actors.audio.codecs import decode, encoded_bytes
from sts_actors.audio.pcm import downmix
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.messages import AudioFormat, Fragment, FragmentFailed, Submission

MAX_ANSWER_BYTES = (4 * 1024 * 1024 - 128 * 1024) * 3 // 4
"""Popular clients drop the connection at a message of 4 MiB: base64 makes four bytes of three, and the texts
of a fragment go along."""


async def session(
    inbox: trio.MemoryReceiveChannel[Submission | FragmentFailed],
    outbox: trio.MemorySendChannel[Fragment | FragmentFailed],
    limits: StageLimits,
    compute: Compute,
) -> None:
    """Decode each submission off the loop; what cannot be decoded fails as `INVALID_AUDIO_FORMAT`."""

    async def decoded(submission: Submission) -> Fragment:
        return await compute(decode_submission, submission)

    await run_stage(inbox, outbox, decoded, stage=Stage.ASR, limits=limits, name="session")


def decode_submission(submission: Submission) -> Fragment:
    """The fragment in a submission, with the layout its answer will have.

    Raises:
        ServiceError: `INVALID_AUDIO_FORMAT`, naming what is wrong with the bytes; `FRAGMENT_TOO_LARGE` where
            the dub, which lasts as long, would not fit into a message.
    """
    decoded = decode(submission.data, submission.label)
    frames = decoded.samples.shape[0]
    answer = AudioFormat(
        container=submission.label.container,
        sample_rate_hz=decoded.sample_rate_hz,
        channels=decoded.channels,
    )
    if encoded_bytes(frames, answer) > MAX_ANSWER_BYTES:
        raise ServiceError(
            ErrorCode.FRAGMENT_TOO_LARGE,
            f"a dub of {frames / answer.sample_rate_hz:.1f} s as {answer.container.value} at "
            f"{answer.sample_rate_hz} Hz would not fit into a message of 4 MiB: send shorter fragments",
        )
    return Fragment(
        header=attrs.evolve(submission.header, duration_ms=round(frames * 1000 / decoded.sample_rate_hz)),
        pcm=downmix(decoded.samples),
        sample_rate_hz=decoded.sample_rate_hz,
        answer=answer,
    )
