"""Properties: what goes out comes in the same; what comes in is a value or a violation, never a crash."""

import pytest
import socketio.packet
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sts_actors.client import BadAnswer, Event, open_client
from sts_actors.client.answers import read_event, read_ready
from sts_actors.client.errors import MAX_CHARACTERS, one_line
from sts_actors.client.incoming import Answer, Decoder, ProtocolViolation
from sts_actors.client.packets import ack_frames, event_frames, frame_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=50)
)
KEYS = TEXT.filter(lambda key: key != "_placeholder")  # the protocol's own word for an attachment
PAYLOADS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ARGS = st.lists(PAYLOADS, max_size=3)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in {"connect", "connect_error", "disconnect", "newListener", "removeListener"}
)
NAMESPACES = st.sampled_from(["/", "/side"])


def attachments(payload) -> int:
    if isinstance(payload, bytes):
        return 1
    parts = payload.values() if isinstance(payload, dict) else payload if isinstance(payload, list) else ()
    return sum(map(attachments, parts))


def feed_all(decoder: Decoder, frames) -> object:
    *parts, last = (decoder.feed(frame) for frame in frames)
    assert parts == [None] * (len(frames) - 1)
    return last


@given(
    NAMES, ARGS.filter(lambda args: attachments(args) <= 16), NAMESPACES, st.none() | st.integers(0, 10**9)
)
@settings(max_examples=150)
def test_an_event_written_and_read_is_the_same_event(name, args, namespace, ack_id):
    frames = event_frames(name, args, namespace=namespace, ack_id=ack_id)
    got = feed_all(Decoder(namespace, max_bytes=10**6), frames)
    assert got == Event(name=name, args=tuple(args), ack_id=ack_id)
    assert got.size_bytes == sum(map(frame_bytes, frames))


@given(ARGS.filter(lambda args: attachments(args) <= 16), st.integers(1, 10**9))
@settings(max_examples=50)
def test_an_answer_written_and_read_is_the_same_answer(args, ack_id):
    frames = ack_frames(args, namespace="/", ack_id=ack_id)
    assert feed_all(Decoder("/", max_bytes=10**6), frames) == Answer(ack_id=ack_id, args=tuple(args))


@given(NAMES, ARGS.filter(lambda args: attachments(args) <= 16))
@settings(max_examples=50)
def test_python_socketios_own_packet_class_reads_what_is_written(name, args):
    first, *rest = event_frames(name, args, namespace="/")
    packet = socketio.packet.Packet(encoded_packet=first[1:])
    assert packet.attachment_count == len(rest)
    for attachment in rest:
        packet.add_attachment(attachment)
    assert packet.data == [name, *args]


@given(ARGS)
@settings(max_examples=40, deadline=None)
def test_the_reference_server_returns_any_payload_as_it_was_sent(upstream, args):
    async def main() -> None:
        async with open_client(upstream.url) as client:
            await client.emit("bounce", *args)
            event = await anext(client.events)
        assert event.args == tuple(args)

    if attachments(args) <= 16:
        trio.run(main)


FRAMES = (
    st.binary(max_size=20)
    | st.text(max_size=40)
    | st.builds(
        "{}{}{}".format,
        st.sampled_from(["4", "42", "451-", "461-1", "44", "40", "0", "2", "b", "452-/side,7"]),
        st.sampled_from(["", "/side,", "12", "-"]),
        st.text('[]{}",:0123456789numplaceholder_true', max_size=30)
        | st.sampled_from(
            ['["a",{"_placeholder":true,"num":0}]', '["a",{"_placeholder":true,"num":"x"}]', "[[]]"]
        ),
    )
)


@given(st.lists(FRAMES, max_size=6))
@settings(max_examples=300)
@example(["450-", b"x"])
@example(["451-1", b"x"])
@example(['451-["a",{"_placeholder":true,"num":-5}]', b"x"])
@example(["4²"])
@example(["b===="])
@example(["4" + '"' * 3])
@example(['0{"sid":"x","pingInterval":true,"pingTimeout":1}'])
def test_no_frame_whatever_crashes_the_decoder(frames):
    decoder = Decoder("/", max_bytes=1000)
    try:
        for frame in frames:
            decoder.feed(frame)
    except ProtocolViolation as violation:
        reason = str(violation)
        assert one_line(reason) == reason


JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
FIELDS = {
    "fragment:ack": ["fragment_id", "queue_position"],
    "fragment:processed": [
        "fragment_id", "sequence_number", "status", "dubbed_audio", "transcript", "stage_timings",
        "metadata", "warnings", "error", "processing_time_ms",
    ],
    "backpressure": ["severity", "action", "current_inflight", "max_inflight", "recommended_delay_ms"],
    "stream:complete": ["stream_id", "total_fragments", "total_duration_ms", "success_count", "statistics"],
    "stream:ready": ["stream_id", "session_id", "max_inflight", "capabilities"],
    "warning": ["code", "message"],
    "error": ["code", "message", "retryable", "fragment_id"],
    "something else": ["x"],
}  # fmt: skip


@given(st.data())
@settings(max_examples=300)
def test_no_payload_whatever_raises_anything_but_bad_answer(data):
    name = data.draw(st.sampled_from(sorted(FIELDS)))
    values = JSON | st.sampled_from(["success", "failed", "none", "pause", "low", "QUJD", 1, 3.0, 10**18])
    payload = data.draw(st.dictionaries(st.sampled_from(FIELDS[name]), values) | JSON)
    args = data.draw(st.sampled_from([(), (payload,), (payload, payload)]))
    try:
        read_ready(args) if name == "stream:ready" else read_event(name, args)
    except BadAnswer as bad:
        reason = bad.reason
        assert reason.startswith(name)


@given(st.text())
def test_one_line_is_one_printable_line_of_bounded_length(text):
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= MAX_CHARACTERS


def test_nesting_deeper_than_the_interpreter_goes_is_the_callers_mistake():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        event_frames("deep", [deep], namespace="/")
