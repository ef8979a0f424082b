"""What a worker says a stream is about comes to its recogniser."""

import base64

import pytest
import trio
from desk import open_desk
from running import RATE_HZ, marked

from sts_actors.engines.ports import MAX_PROMPT_CHARACTERS

INIT = {"source_language": "en-GB", "target_language": "pt", "sample_rate_hz": RATE_HZ}


@pytest.mark.parametrize(
    ("hints", "prompt"),
    [
        (None, ""),
        ([], ""),
        ("football", "football"),
        (["football", "Ronaldinho"], "football, Ronaldinho"),
        (["a" * 5000, "b"], "a" * MAX_PROMPT_CHARACTERS),
    ],
    ids=["none", "an empty list", "a text", "a list", "too long"],
)
async def test_domain_hints_are_the_recognisers_prompt(autojump_clock, hints, prompt):
    async with open_desk() as desk:
        asked, served = [], desk.models.recogniser

        async def ask(request, **context):
            asked.append(request)
            return await served(request, **context)

        desk.models.recogniser = ask
        socket = await desk.connect()
        socket.send("stream:init", {**INIT, "domain_hints": hints})
        await socket.next_named("stream:ready")
        audio = base64.b64encode(marked(1, 1)).decode()
        socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": audio})
        with trio.fail_after(30):
            await socket.next_named("fragment:processed")
    assert [(request.prompt, request.language) for request in asked] == [(prompt, "en")]
