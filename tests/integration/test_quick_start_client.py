"""The quick start's client, on python-socketio's own asyncio client, against the service."""

import asyncio
import io
import wave

import trio
from quickstart_client import dub_one_fragment
from running import QUICK, RATE_HZ, marked, running, who_speaks


def whole_wav(pcm):
    """PCM as a WAV file: what the quick start's client sends, labelled as raw PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(pcm)
    return file.getvalue()


async def test_the_quick_starts_client_gets_its_fragment_dubbed():
    async with running(**QUICK, auto_disconnect_delay_s=0.2) as service:
        wav = whole_wav(marked(1, 7, 6.0))
        report = await trio.to_thread.run_sync(lambda: asyncio.run(dub_one_fragment(service.url, wav)))
    assert report.upgraded
    assert report.order == ["stream:ready", "fragment:ack", "fragment:processed", "stream:complete"]
    assert report.ready["capabilities"] == ["asr", "translation", "tts", "duration_matching"]
    assert report.processed["transcript"] == "stream 1 fragment 7"
    # Raw PCM, as its label said, although the question was a WAV file.
    assert len(report.dubbed) == 6 * RATE_HZ * 2
    assert who_speaks(report.dubbed) == (1, 7)
    assert report.complete["statistics"]["success_count"] == 1
    assert not report.errors
