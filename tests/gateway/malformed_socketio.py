"""Malformed Socket.IO packets, each a message of an Engine.IO session."""

from gateway_loopback import BINARY, frame
from malformed import Closed, ConnectError, Malformed, Start

_HELD = '{"_placeholder":true,"num":0}'
_BYTES = frame(b"\x01", opcode=BINARY)

_FIRST = {
    "a message that is no packet": "4abc",
    "an empty message first": "4",
    "a packet type that does not exist": "47",
    "an event before any connect": '42["message"]',
    "a binary event before any connect": (f'451-["message",{_HELD}]', _BYTES),
    "an acknowledgement before any connect": "431[]",
    "a disconnect before any connect": "41",
    "a connect error from a client": "44",
    "bytes before any connect": _BYTES,
    "a connect whose payload is a text": '40"text"',
    "a connect whose payload is a list": "40[]",
    "a connect whose payload is null": "40null",
    "a connect with an id": "405",
    "a connect whose payload is cut off": "40{",
    "a connect whose payload has NaN": '40{"a":NaN}',
    "a connect whose payload is deep": "40" + "[" * 5000,
    "a connect whose namespace is endless": "40/" + "n" * 300,
    "a connect with an attachment's placeholder and bytes": ('40{"token":1}x', _BYTES),
}

_DEEP_LIST = "[" * 65 + "]" * 65
_DEEP_DICT = '{"a":' * 65 + "1" + "}" * 65

_THEN = {
    "a message without a packet": "4",
    "an unknown packet type": "48",
    "a packet type in other digits": '4٢["message"]',
    "an event without data": "42",
    "an event whose data is an object": "42{}",
    "an event whose data is a text": '42"message"',
    "an event without a name": "42[]",
    "an event whose name is a number": "42[1]",
    "an event whose name is null": "42[null]",
    "an event whose name is a list": '42[["message"]]',
    "an event whose name is an object": '42[{"message":1}]',
    "an event whose id is no number": '42abc["message"]',
    "an event whose id is negative": '42-1["message"]',
    "an event whose id has a fraction": '421.5["message"]',
    "an event whose id has twenty digits": '4212345678901234567890["message"]',
    "an event with NaN": '42["message",NaN]',
    "an event with an infinity": '42["message",-Infinity]',
    "an event with a number too large": '42["message",1e999]',
    "an event with a lone surrogate": '42["message","\\ud800"]',
    "an event with a raw control character": '42["message","\x01"]',
    "an event with a number that starts with zero": '42["message",01]',
    "an event with a trailing comma": '42["message",]',
    "an event in single quotes": "42['message']",
    "an event with a comment": '42["message"/**/]',
    "an event that is cut off": '42["message"',
    "an event with something after it": '42["message"] ]',
    "two events in one packet": '42["message"]["message"]',
    "an event with lists too deep": f'42["message",{_DEEP_LIST}]',
    "an event with objects too deep": f'42["message",{_DEEP_DICT}]',
    "an event with lists far too deep": '42["message",' + "[" * 40_000,
    "an event that forges a connect": '42["connect",{}]',
    "an event that forges a disconnect": '42["disconnect","transport close"]',
    "an event that forges a connect error": '42["connect_error"]',
    "an event that forges a disconnecting": '42["disconnecting"]',
    "an event named newListener": '42["newListener"]',
    "an event named removeListener": '42["removeListener"]',
    "a binary event that forges a connect": (f'451-["connect",{_HELD}]', _BYTES),
    "an acknowledgement without data": "430",
    "an acknowledgement without an id": "43[]",
    "an acknowledgement whose data is an object": '43{"0":1}',
    "an acknowledgement whose data is a text": '431"x"',
    "an acknowledgement whose id is no number": "43abc[]",
    "a binary acknowledgement without an id": (f"461-[{_HELD}]", _BYTES),
    "a disconnect with data": '41"x"',
    "a disconnect with an id": "417",
    "a connect error from a joined client": '44{"message":"x"}',
    "a second connect": "40",
    "an event of a namespace it is not in": '42/custom,["message"]',
    "an event of a namespace that does not exist": '42/other,["message"]',
    "an acknowledgement of a namespace it is not in": "43/custom,1[]",
    "a disconnect from a namespace it is not in": "41/custom,",
    "a namespace without a comma": '42/custom["message"]',
    "a namespace of 300 letters": "42/" + "n" * 300 + ',["message"]',
    "a binary event without a count": '45["message"]',
    "a binary event whose count is empty": '45-["message"]',
    "a binary event whose count is no number": '45x-["message"]',
    "a binary event whose count is negative": '45-1-["message"]',
    "a binary event whose count has a fraction": '451.0-["message"]',
    "a binary event whose count is in other digits": '45١-["message"]',  # noqa: RUF001 - that is the point
    "a binary event of seventeen attachments": '4517-["message"]',
    "a binary event of ten thousand million attachments": '459999999999-["message"]',
    "a text where an attachment is due": (f'451-["message",{_HELD}]', "4text"),
    "an event where an attachment is due": (f'451-["message",{_HELD}]', '42["message"]'),
    "a second binary event before the attachment": (f'451-["message",{_HELD}]', f'451-["message",{_HELD}]'),
    "one attachment too many": (f'451-["message",{_HELD}]', _BYTES, _BYTES),
    "an attachment of an event that needs none": ('450-["message","x"]', _BYTES),
    "bytes without an event": _BYTES,
    "an attachment too few": (f'452-["message",{_HELD}]', _BYTES),
    "an attachment that never comes": f'451-["message",{_HELD}]',
    "an attachment that comes in part": (f'451-["message",{_HELD}]', frame(b"x", opcode=BINARY, size=1000)),
    "attachments too large together": (
        f'452-["message",{_HELD}]',
        *(frame(b"x" * 60_000, opcode=BINARY),) * 2,
    ),
    **{
        f"a placeholder whose number is {number}": (
            '451-["message",{"_placeholder":true,"num":' + number + "}]",
            _BYTES,
        )
        for number in ("1", "-1", "true", '"0"', "0.0", "null", "[0]", "99999999999999999999")
    },
    "a placeholder without a number": ('451-["message",{"_placeholder":true}]', _BYTES),
    "a placeholder for the event's name": (f"451-[{_HELD}]", _BYTES),
}

_UNKNOWN = '44{},{{"message":"Invalid namespace"}}'

ENTRIES = (
    *(Malformed(name, sent, Closed(1002), Start.ENGINE) for name, sent in _FIRST.items()),
    *(Malformed(name, sent, Closed(1002)) for name, sent in _THEN.items()),
    Malformed("a client that joins nothing", (), Closed(1000), Start.ENGINE),
    *(
        Malformed(
            f"a connect to {name}", f"40{namespace},", ConnectError(_UNKNOWN.format(namespace)), Start.ENGINE
        )
        for name, namespace in {
            "a namespace that does not exist": "/other",
            "a namespace in capitals": "/CUSTOM",
            "a namespace with a slash too many": "/custom/",
            "a namespace named star": "/*",
            "a namespace that is a path": "/../custom",
        }.items()
    ),
)
