"""What a silent connection costs: memory per connection, and what 500 that come and are cut leave."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from gateway import free_port
from gateway_server import OURS
from websocket_peer import Peer

CONNECTIONS, CYCLES = 1000, 500
FEW = 50
SETTLE_S = 2.0


def resident_kb(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def descriptors(pid):
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def settled(pid):
    time.sleep(SETTLE_S)
    return resident_kb(pid), descriptors(pid)


def open_and_cut(port, count):
    for peer in [Peer(port) for _ in range(count)]:
        peer.close()


def main(kind, connections):
    port = free_port()
    program = Path(__file__).with_name("gateway_server.py")
    server = subprocess.Popen([sys.executable, program, kind, str(port)])
    try:
        open_and_cut(port, FEW)
        before, before_fds = settled(server.pid)
        peers = [Peer(port) for _ in range(connections)]
        held, held_fds = settled(server.pid)
        print(
            f"{connections} idle connections: {(held - before) / connections:.1f} kB and "
            f"{(held_fds - before_fds) / connections:g} descriptor each"
        )
        for peer in peers:
            peer.close()
        after, after_fds = settled(server.pid)
        print(f"when they have been cut: {after - before:+.0f} kB, {after_fds - before_fds:+d} descriptors")
        for cycle in range(3):
            for _ in range(CYCLES // 10):
                open_and_cut(port, 10)
            then, then_fds = settled(server.pid)
            print(
                f"{CYCLES} connected and cut, time {cycle + 1}: {then - after:+.0f} kB, "
                f"{then_fds - after_fds:+d} descriptors"
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default=OURS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    arguments = parser.parse_args()
    main(arguments.server, arguments.connections)
