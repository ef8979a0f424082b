"""A Socket.IO client on Trio, and the worker's side of the dubbing contract on top of it."""

from sts_actors.client.answers import (
    Acked,
    Backpressure,
    Complete,
    FragmentError,
    Processed,
    Ready,
    ServerErrorEvent,
    ServerWarning,
    StreamEvent,
    Tail,
    Utterance,
)
from sts_actors.client.client import Client, open_client
from sts_actors.client.errors import (
    BadAnswer,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    MessageTooLarge,
    NoAnswer,
    StreamRefused,
)
from sts_actors.client.inbox import Events
from sts_actors.client.incoming import Disconnected, Event, Reconnected
from sts_actors.client.link import Link
from sts_actors.client.reconnect import Reconnect
from sts_actors.client.resumed import ResultsLost, Resumed
from sts_actors.client.stream_init import StreamInit
from sts_actors.client.worker import DubbingStream, open_dubbing_stream

__all__ = [
    "Acked",
    "Backpressure",
    "BadAnswer",
    "Client",
    "ClientError",
    "Complete",
    "ConnectFailed",
    "ConnectionLost",
    "Disconnected",
    "DubbingStream",
    "Event",
    "Events",
    "FragmentError",
    "Link",
    "MessageTooLarge",
    "NoAnswer",
    "Processed",
    "Ready",
    "Reconnect",
    "Reconnected",
    "ResultsLost",
    "Resumed",
    "ServerErrorEvent",
    "ServerWarning",
    "StreamEvent",
    "StreamInit",
    "StreamRefused",
    "Tail",
    "Utterance",
    "open_client",
    "open_dubbing_stream",
]
