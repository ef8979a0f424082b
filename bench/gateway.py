"""What an event costs the server: our Socket.IO on Trio beside python-socketio on uvicorn.

Each server is a process of its own; one round measures all of them one after the other, so that whatever
else the machine does hits them alike. Printed are medians over the rounds, and ours as a ratio to the best
of the others.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from gateway_server import OURS
from websocket_peer import Peer, masked_frame

THEIRS = ("websockets", "websockets-sansio", "wsproto")
ROUNDS, LARGE, SMALL = 7, 100, 500
UP = masked_frame(b'421["fragment",' + json.dumps({"audio": "A" * 342_000, "n": 1}).encode() + b"]")
TINY = masked_frame(b'421["small","' + b"x" * 90 + b'"]')

UNITS = {
    "up_ms": "processor time, 342 kB event from the client, acknowledged",
    "down_ms": "processor time, 342 kB event to the client",
    "small_ms": "processor time, 100 B event there and back",
    "up_per_s": "342 kB events per second, one client, lockstep",
    "small_per_s": "100 B events per second, one client, lockstep",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exchange(peer, frame, count):
    """Processor ms per event, and events per second, of `count` acknowledged events."""
    before, started = peer.processor_s(), time.perf_counter()
    for _ in range(count):
        peer.socket.sendall(frame)
        peer.receive()
    rate = count / (time.perf_counter() - started)
    return (peer.processor_s() - before) / count * 1000, rate


def receive(peer, count):
    """Processor ms per event that the server sends."""
    before = peer.processor_s()
    peer.send(b'42["down",%d]' % count)
    for _ in range(count):
        peer.receive()
    return (peer.processor_s() - before) / count * 1000


def measure(peer):
    up_ms, up_per_s = exchange(peer, UP, LARGE)
    small_ms, small_per_s = exchange(peer, TINY, SMALL)
    return {
        "up_ms": up_ms,
        "down_ms": receive(peer, LARGE),
        "small_ms": small_ms,
        "up_per_s": up_per_s,
        "small_per_s": small_per_s,
    }


def main(rounds):
    kinds = (OURS, *THEIRS)
    program = Path(__file__).with_name("gateway_server.py")
    with ExitStack() as stack:
        peers = {}
        for kind in kinds:
            port = free_port()
            server = subprocess.Popen([sys.executable, program, kind, str(port)])
            stack.callback(server.wait)
            stack.callback(server.terminate)
            peers[kind] = Peer(port)
            measure(peers[kind])  # Warm.
        figures = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, peer in peers.items():
                figures[kind].append(measure(peer))
    medians = {
        kind: {name: median(one[name] for one in measured) for name in UNITS}
        for kind, measured in figures.items()
    }
    print(f"{'':14}" + "".join(f"{kind:>20}" for kind in kinds) + f"{'ours/best':>12}")
    for name, meaning in UNITS.items():
        values = [medians[kind][name] for kind in kinds]
        best = max(values[1:]) if name.endswith("_per_s") else min(values[1:])
        shown = "".join(f"{value:20.3f}" if value < 100 else f"{value:20.0f}" for value in values)
        print(f"{name:14}{shown}{values[0] / best:11.2f}x   {meaning}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    main(parser.parse_args().rounds)
