"""Packets, payloads, JSON and frames: pure functions under any input."""

import json
import math
import struct
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from socketio import packet as upstream

from sts_actors.gateway import Limits, strict_json
from sts_actors.gateway.engine import packets
from sts_actors.gateway.errors import ProtocolViolation
from sts_actors.gateway.packet import ACK, EVENT, RESERVED_EVENTS, Packet, decode
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.frames import FrameGuard, FrameRefused

LIMITS = Limits()

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
jsons = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
with_bytes = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | text | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(text.filter(lambda key: key != "_placeholder"), inner, max_size=4)
    ),
    max_leaves=12,
)
namespaces = st.just("/") | st.from_regex(r"/[a-z]{1,10}", fullmatch=True)
names = text.filter(lambda name: name not in RESERVED_EVENTS)


def received(group):
    incoming = decode(group[0][1:], LIMITS)
    for attachment in group[1:]:
        incoming.attach(attachment, LIMITS)
    assert incoming.attachments_left == 0
    return incoming


@given(namespaces, names, st.lists(with_bytes, max_size=3), st.none() | st.integers(0, 10**15))
def test_events_come_back_from_the_wire_as_they_went(namespace, name, arguments, number) -> None:
    incoming = received(Packet(EVENT, namespace=namespace, data=[name, *arguments], id=number).group())
    assert (incoming.kind, incoming.namespace, incoming.number) == (EVENT, namespace, number)
    assert incoming.data == [name, *arguments]


@given(st.lists(with_bytes, max_size=3), st.integers(1, 10**9))
def test_acknowledgements_come_back_from_the_wire_as_they_went(arguments, number) -> None:
    incoming = received(Packet(ACK, data=arguments, id=number).group())
    assert (incoming.kind, incoming.number, incoming.data) == (ACK, number, arguments)


@given(namespaces, names, st.lists(with_bytes, max_size=3), st.none() | st.integers(0, 10**9))
def test_python_socketio_reads_what_we_write(namespace, name, arguments, number) -> None:
    encoded, *attachments = Packet(EVENT, namespace=namespace, data=[name, *arguments], id=number).group()
    theirs = upstream.Packet(encoded_packet=encoded[1:])
    for attachment in attachments:
        theirs.add_attachment(attachment)
    assert (theirs.namespace or "/", theirs.id, theirs.data) == (namespace, number, [name, *arguments])


@given(namespaces, names, st.lists(with_bytes, max_size=3), st.none() | st.integers(0, 10**9))
def test_we_read_what_python_socketio_writes(namespace, name, arguments, number) -> None:
    encoded = upstream.Packet(EVENT, namespace=namespace, data=[name, *arguments], id=number).encode()
    group = encoded if isinstance(encoded, list) else [encoded]
    incoming = received(["4" + group[0], *group[1:]])
    assert (incoming.namespace, incoming.number, incoming.data) == (namespace, number, [name, *arguments])


@given(st.text(max_size=60) | st.text('0123456789-/[]{},"\\:abc_', max_size=60))
@example("51-")
@example("5")
@example("/")
@example("2/")
@example('51-/a,1["x",{"_placeholder":true,"num":0}]')
def test_any_text_is_a_packet_or_a_violation(text) -> None:
    try:
        incoming = decode(text, LIMITS)
        for _ in range(incoming.attachments_left):
            incoming.attach(b"x", LIMITS)
    except ProtocolViolation:
        pass


@given(st.binary(max_size=80))
@example(b"\x1e")
@example(b"b")
@example(b"b" + b"=" * 5)
def test_any_body_is_a_payload_or_a_violation(body) -> None:
    try:
        decoded = packets.decode_payload(body, max_packets=16)
    except ProtocolViolation:
        return
    assert 1 <= len(decoded) <= 16


@given(st.lists(text.map(lambda t: t.replace("\x1e", "")) | st.binary(max_size=30), min_size=1, max_size=16))
def test_payloads_come_back_as_they_went(messages) -> None:
    body = packets.encode_payload([packets.message(message) for message in messages])
    assert packets.decode_payload(body, max_packets=16) == [("4", message) for message in messages]


@given(jsons)
def test_json_is_the_standard_librarys(data) -> None:
    assert json.loads(strict_json.dumps(data)) == data
    assert strict_json.loads(json.dumps(data), max_depth=64) == data


def test_numbers_that_are_none_become_null() -> None:
    assert strict_json.dumps([math.nan, math.inf]) == "[null,null]"


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e999", "[1,]", "{'a':1}", "01", "\ufeff1", '"\ud800"', "", " "]
)
def test_what_is_no_json_is_a_violation(text: str) -> None:
    with pytest.raises(ProtocolViolation):
        strict_json.loads(text, max_depth=64)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_may_be_as_deep_as_the_limit_and_no_deeper(opening: str, closing: str) -> None:
    middle = "1" if opening != "[" else ""
    strict_json.loads(opening * 64 + middle + closing * 64, max_depth=64)
    with pytest.raises(ProtocolViolation, match="deep"):
        strict_json.loads(opening * 65 + middle + closing * 65, max_depth=64)


def test_json_may_be_as_broad_as_it_likes() -> None:
    assert len(strict_json.loads("[" + ",".join(["[1]"] * 1000) + "]", max_depth=2)) == 1000


def test_bytes_in_a_connect_packet_are_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        Packet(upstream.CONNECT, data={"sid": b"x"}).group()


def client_frame(payload: bytes, opcode: int, *, fin: bool) -> bytes:
    size = len(payload)
    head = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += bytes([0x80 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack("!Q", size)
    return head + b"mask" + payload


messages = st.lists(st.sampled_from([0, 1, 2, 125, 126, 127, 300, 65535, 65536]), min_size=1, max_size=4)


@given(st.lists(messages, max_size=4), st.lists(st.integers(0, 300_000), max_size=8))
def test_the_guard_follows_frames_however_they_are_cut(sent, cuts) -> None:
    data = b""
    for sizes in sent:
        for number, size in enumerate(sizes):
            data += client_frame(b"x" * size, 0 if number else 2, fin=number == len(sizes) - 1)
            data += client_frame(b"ping", 9, fin=True)
    budget = ReceiveBudget(10**9)
    guard = FrameGuard(max_message=10**9, max_frames=100, budget=budget, patience=1, min_rate=1)
    points = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(points):
        guard.feed(data[start:end])
    assert not guard.in_message
    assert budget.used == 0
    guard.feed(client_frame(b"x" * 1000, 1, fin=True)[:500])
    assert guard.in_message
    assert budget.used == 1000
    guard.close()
    assert budget.used == 0


@given(st.binary(max_size=300))
def test_the_guard_takes_or_refuses_anything(data) -> None:
    budget = ReceiveBudget(10**6)
    guard = FrameGuard(max_message=10**6, max_frames=10, budget=budget, patience=1, min_rate=1)
    code = None
    try:
        guard.feed(data)
    except FrameRefused as refused:
        code = refused.code
    assert code in {None, 1002, 1008, 1009, 1013}
    assert budget.used <= 10**6
