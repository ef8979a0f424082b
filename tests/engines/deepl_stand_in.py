"""A server that speaks DeepL's API as far as the service needs it, and misbehaves on command.

    async with open_deepl_stand_in() as server:
        server.misbehave("429", times=1)
        ...  # DEEPL_SERVER_URL=server.url

As a program it prints its URL; `POST /control` with `{"misbehave": "429", "times": 1}` commands it then:

    python tests/engines/deepl_stand_in.py --port 0
"""

import argparse
import json
import socket
import struct
import sys
import threading
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SLOW_S = 30.0
"""How long a slow answer takes; the server's end cuts it short."""
MAX_BODY_BYTES = 128 * 1024
MAX_INSTRUCTIONS = 10
MAX_INSTRUCTION_CHARACTERS = 300
FORMAL = {"DE", "ES", "ES-419", "FR", "IT", "JA", "NL", "PL", "PT-BR", "PT-PT", "RU"}
INSTRUCTED = {"DE", "EN", "ES", "FR", "IT", "JA", "KO", "ZH"}
"""Targets, without region, that instructions may be given for."""
SOURCES = ["DE", "EN", "ES", "FR", "IT", "JA", "NB", "NL", "PL", "PT", "RU", "ZH"]
TARGETS = ["DE", "EN-GB", "EN-US", "ES", "ES-419", "FR", "IT", "JA", "NB", "NL", "PL", "PT-BR", "PT-PT"]
TARGETS += ["RU", "ZH-HANS", "ZH-HANT"]
REFUSALS = {
    "400": "Bad request. Reason: the text is not accepted.",
    "403": "Forbidden",
    "413": "Request Entity Too Large",
    "429": "Too many requests",
    "456": "Quota Exceeded",
    "500": "Internal error",
    "503": "Service unavailable",
    "529": "Too many requests",
}
"""Faults that are statuses; any other number may be asked for too."""
NO_USE = {
    "no json": b"<html>it works!</html>",
    "wrong json": b'{"greeting": "hello"}',
    "not a text": b'{"translations": [{"text": 7}]}',
    "too few": b'{"translations": []}',
    "null": b"null",
}
"""Faults that are answers of status 200."""
OTHER_FAULTS = {"slow", "trickle", "truncated", "reset", "redirect", "huge", "echo key", "no bill"}


class StandIn:
    """The server's state; its methods may be called from any thread.

    Attributes:
        url: for `DEEPL_SERVER_URL`.
        keys: those that are accepted; any where this is empty.
        targets: the languages that it translates to.
        calls: the path and the content of each request, misbehaviour's included.
        used, limit: characters of the quota; no limit where that is None.
        most_at_once: requests that were being answered at the same time.
    """

    def __init__(self):
        self.url = ""
        self.keys = set()
        self.targets = list(TARGETS)
        self.calls = []
        self.used = 0
        self.limit = 500_000
        self.most_at_once = 0
        self.released = threading.Event()
        self._at_once = 0
        self._changed = threading.Condition()
        self._faults = deque()

    def misbehave(self, fault, *, times=1, path="/v2/translate", headers=None):
        """Do this to the next `times` requests of `path`."""
        if not (fault.isdigit() or fault in NO_USE or fault in OTHER_FAULTS):
            raise ValueError(f"there is no fault {fault!r}")
        with self._changed:
            self._faults.extend([(fault, path, headers or {})] * times)

    def behave(self):
        """Forget what is left of all commands, and end slow answers."""
        with self._changed:
            self._faults.clear()
        self.released.set()

    def translations(self):
        """The contents of the calls of `/v2/translate`."""
        with self._changed:
            return [content for path, content in self.calls if path == "/v2/translate"]

    def wait_calls(self, count, path="/v2/translate", timeout_s=10.0):
        """Block until there were `count` calls of `path`."""
        with self._changed:

            def enough():
                return sum(called == path for called, _ in self.calls) >= count

            if not self._changed.wait_for(enough, timeout_s):
                raise TimeoutError(f"{self.calls} are not {count} calls of {path}")

    def take_fault(self, path):
        with self._changed:
            for entry in self._faults:
                if entry[1] == path:
                    self._faults.remove(entry)
                    return entry[0], entry[2]
        return None, {}

    @contextmanager
    def counted(self, path, content):
        with self._changed:
            self.calls.append((path, content))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._at_once -= 1

    def bill(self, characters):
        with self._changed:
            self.used += characters


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out apart: without this the second waits for the client's delayed acknowledgement.
    disable_nagle_algorithm = True
    stand_in = None

    def log_message(self, *args):
        """Tests read no access log."""

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def _serve(self):
        path = urlsplit(self.path).path
        content = self._content()
        if path == "/control":
            self.stand_in.misbehave(content["misbehave"], times=content.get("times", 1))
            self._answer(200, {})
            return
        with self.stand_in.counted(path, content):
            fault, headers = self.stand_in.take_fault(path)
            try:
                if fault in OTHER_FAULTS - {"no bill"}:
                    self._misbehave(fault)
                elif fault in NO_USE:
                    self._send(200, NO_USE[fault])
                elif fault is not None and fault.isdigit():
                    self._answer(int(fault), {"message": REFUSALS.get(fault, "?")}, headers)
                else:
                    self._route(path, content, billed=fault != "no bill")
            except OSError:
                # The client gave up: what slow answers are for.
                self.close_connection = True

    def _content(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "json" in self.headers.get("Content-Type", ""):
            return json.loads(body)
        fields = parse_qs(urlsplit(self.path).query) | parse_qs(body.decode())
        return {name: values if name == "text" else values[0] for name, values in fields.items()}

    def _route(self, path, content, *, billed):
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        if scheme != "DeepL-Auth-Key" or not key or (self.stand_in.keys and key not in self.stand_in.keys):
            self._answer(403, {"message": "Forbidden"})
        elif path == "/v2/translate":
            self._translate(content, billed=billed)
        elif path == "/v2/usage":
            limit = {} if self.stand_in.limit is None else {"character_limit": self.stand_in.limit}
            self._answer(200, {"character_count": self.stand_in.used, **limit})
        elif path == "/v2/languages" and content.get("type") == "target":
            listed = [
                {"language": c, "name": c, "supports_formality": c in FORMAL} for c in self.stand_in.targets
            ]
            self._answer(200, listed)
        elif path == "/v2/languages":
            self._answer(200, [{"language": code, "name": code} for code in SOURCES])
        else:
            self._answer(404, {"message": "Not found"})

    def _translate(self, content, *, billed):
        stand_in, texts, target = self.stand_in, content.get("text"), content.get("target_lang", "")
        formality = content.get("formality", "default")
        characters = sum(map(len, texts or ()))
        if not texts or any(not isinstance(text, str) for text in texts):
            self._answer(400, {"message": "Parameter 'text' not specified."})
        elif target not in stand_in.targets:
            self._answer(400, {"message": f"Value for 'target_lang' not supported: {target}"})
        elif content.get("source_lang", "EN") not in SOURCES:
            self._answer(400, {"message": "Value for 'source_lang' not supported."})
        elif formality in {"more", "less"} and target not in FORMAL:
            self._answer(400, {"message": "'formality' is not supported for given 'target_lang'."})
        elif (reason := wrong_instructions(content)) is not None:
            self._answer(400, {"message": reason})
        elif int(self.headers["Content-Length"]) > MAX_BODY_BYTES:
            self._answer(413, {"message": REFUSALS["413"]})
        elif stand_in.limit is not None and stand_in.used + characters > stand_in.limit:
            self._answer(456, {"message": REFUSALS["456"]})
        else:
            stand_in.bill(characters)
            translations = []
            for text in texts:
                bill = {"billed_characters": len(text)} if billed else {}
                shown = {"detected_source_language": content.get("source_lang", "EN")}
                said = shortened(text) if content.get("custom_instructions") else text
                translations.append({**shown, "text": f"{target.lower()}: {said}", **bill})
            self._answer(200, {"translations": translations})

    def _misbehave(self, fault):
        if fault == "slow":
            self.stand_in.released.wait(SLOW_S)
            self._answer(200, {"translations": [{"text": "too late", "billed_characters": 0}]})
        elif fault == "trickle":
            self._head(200, 100_000)
            while not self.stand_in.released.wait(0.02):
                self.wfile.write(b" " * 200)
            self.close_connection = True
        elif fault == "truncated":
            self._head(200, 1000)
            self.wfile.write(b'{"translations": [')
            self.close_connection = True
        elif fault == "reset":
            # Closing without lingering sends a reset instead of an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        elif fault == "redirect":
            self._send(307, b"", {"Location": f"{self.stand_in.url}/elsewhere"})
        elif fault == "huge":
            self._send(200, b" " * 3_000_000)
        elif fault == "echo key":
            self._answer(400, {"message": f"refused: {self.headers['Authorization']}"})

    def _answer(self, status, content, headers=None):
        self._send(status, json.dumps(content).encode(), headers)

    def _send(self, status, body, headers=None):
        self._head(status, len(body), headers)
        self.wfile.write(body)

    def _head(self, status, length, headers=None):
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(length), **(headers or {})}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()


def wrong_instructions(content):
    """Why the service refuses a call's instructions; None where it does not, or there are none."""
    instructions = content.get("custom_instructions")
    if instructions is None:
        return None
    if not isinstance(instructions, list) or not 1 <= len(instructions) <= MAX_INSTRUCTIONS:
        return "Parameter 'custom_instructions' must be a list of up to 10."
    if any(
        not isinstance(each, str) or not 0 < len(each) <= MAX_INSTRUCTION_CHARACTERS for each in instructions
    ):
        return "A custom instruction is too long."
    if content.get("target_lang", "").split("-")[0] not in INSTRUCTED:
        return "'custom_instructions' is not supported for given 'target_lang'."
    if content.get("model_type") == "latency_optimized":
        return "'custom_instructions' is not supported with 'latency_optimized'."
    return None


def shortened(text):
    """The first half of a text's words."""
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])


class _Server(ThreadingHTTPServer):
    # Tests want no thread left, and only these are waited for.
    daemon_threads = False

    def __init__(self, *args):
        self.lock = threading.Lock()
        self.connections = set()
        super().__init__(*args)

    def handle_error(self, request, client_address):
        """A client that gave up is what some faults are for."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def shutdown_request(self, request):
        """Close without the polite half-close, which would turn a reset into an end."""
        self.close_request(request)

    def process_request(self, request, client_address):
        with self.lock:
            self.connections.add(request)
        super().process_request(request, client_address)

    def close_request(self, request):
        with self.lock:
            self.connections.discard(request)
        super().close_request(request)

    def close_connections(self):
        """End what is kept alive: its threads read until then."""
        with self.lock:
            for connection in self.connections:
                connection.shutdown(socket.SHUT_RD)


@contextmanager
def serving_deepl(port=0):
    """A stand-in on a thread of its own, for the length of the block."""
    stand_in = StandIn()
    handler = type("BoundHandler", (Handler,), {"stand_in": stand_in})
    server = _Server(("127.0.0.1", port), handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.behave()
        server.shutdown()
        server.close_connections()
        server.server_close()
        thread.join()


@asynccontextmanager
async def open_deepl_stand_in(port=0):
    """The same for tests on Trio. Stopping it blocks for a few milliseconds."""
    with serving_deepl(port) as stand_in:
        yield stand_in


def main():
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    with serving_deepl(parser.parse_args().port) as stand_in:
        print(stand_in.url, flush=True)  # noqa: T201 - whoever starts it reads this
        threading.Event().wait()


if __name__ == "__main__":
    main()
