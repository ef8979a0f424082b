"""What goes wrong, in words; and why there may be no microphone."""

import pytest

from sts_actors.errors import ErrorCode

SAY = """const { inPlainWords } = await page("try/plain_words.js"); return inPlainWords(given.problem);"""


@pytest.mark.parametrize("code", [*ErrorCode, "SERVER_DRAINING", "SOMETHING_NEW"])
def test_every_code_of_the_service_becomes_a_sentence(js, code):
    said = js(SAY, problem={"code": code, "message": "the stage was late"})
    assert "the stage was late" in said
    assert code not in said


def test_a_code_alone_is_a_sentence_as_well(js):
    assert js(SAY, problem={"code": "ENDED_EARLY"}).endswith(".")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"isSecureContext": False}, "https"),
        ({"isSecureContext": True, "mediaDevices": {}}, "no microphone"),
        ({"isSecureContext": True, "mediaDevices": {"getUserMedia": 1}}, ""),
    ],
)
def test_a_microphone_needs_a_secure_page_and_a_browser_that_has_one(js, given, word):
    said = js(
        """globalThis.window = { isSecureContext: given.isSecureContext };
        const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
        const { mediaDevices } = given;
        Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
        const { withoutMicrophone } = await page("try/microphone.js");
        try {
          return withoutMicrophone();
        } finally {
          delete globalThis.window;
          Object.defineProperty(globalThis, "navigator", own);
        }""",
        **given,
    )
    assert word in said
    assert bool(word) == bool(said)
