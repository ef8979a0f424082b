"""A service with secrets that are easy to find, as a process of its own, and where its traces go."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs

TOKEN = "canary-token-7f3a9c51e2"
KEY = "canary-key-0b64d1f8a9:fx"
HEADER = "canary-header-55e1c0d7b3"
HUB = "canary-hub-91c2aa40fe"
CANARIES = (TOKEN, KEY, HEADER, HUB)
COMMAND = [sys.executable, "-c", "from sts_actors.cli.main import main; main()"]


def found(text):
    """The canaries that stand in a text, or in bytes."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return [canary for canary in CANARIES if canary in shown]


@attrs.define
class Sink:
    """Takes traces, as a collector does."""

    url: str = ""
    bodies: list = attrs.field(factory=list)
    headers: list = attrs.field(factory=list)


@contextmanager
def open_sink():
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sink.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            sink.headers.append(dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()


def secrets(**more):
    """The environment of a process with secrets."""
    own = {
        "STS_AUTH_TOKEN": TOKEN,
        "DEEPL_AUTH_KEY": KEY,
        "HF_TOKEN": HUB,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={HEADER}",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
    }
    return {**os.environ, **own, **more}


@attrs.define
class Served:
    """The process: its output so far, and what the kernel shows of it."""

    process: subprocess.Popen
    url: str = ""
    output: list = attrs.field(factory=list)
    _lines: threading.Condition = attrs.field(factory=threading.Condition)

    def read(self, pipe):
        for line in pipe:
            with self._lines:
                self.output.append(line)
                self._lines.notify_all()

    def wait_for(self, pattern, timeout_s=60):
        """The first line of output with the pattern in it."""

        def seen():
            return next((found for line in self.output if (found := re.search(pattern, line))), None)

        with self._lines:
            if not self._lines.wait_for(seen, timeout_s):
                raise TimeoutError(f"no {pattern!r} in {''.join(self.output)}")
            return seen()

    def family(self):
        """Its process id, and those of all that it has started."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        family = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family

    def command_lines(self):
        return b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.family())


@contextmanager
def serving(**environment):
    """The service of the fake profile; ended by SIGTERM, and all its output read then."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--profile", "fake", "--port", "0"],
        env=secrets(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    served = Served(process)
    reader = threading.Thread(target=served.read, args=(process.stdout,))
    reader.start()
    try:
        served.url = served.wait_for(r"listening on (http://\S+) \(fake\)")[1]
        served.wait_for("ready: the engines are loaded")
        yield served
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
