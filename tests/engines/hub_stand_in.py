"""A model hub of our own: lists files and sends them, whole, in part, wrongly or not at all."""

import gzip
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import attrs

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "us/tiny"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@attrs.define
class Hub:
    """`files` are what it claims to have, `sent` what it sends instead, by name.

    `cuts` are after how many bytes of a body a connection breaks, one for each that it sends; `statuses`
    answers to whole requests, by the start of the path, each used up in turn; 200 lets one through.
    """

    url: str
    files: dict[str, bytes]
    sent: dict[str, bytes] = attrs.field(factory=dict)
    cuts: list[int] = attrs.field(factory=list)
    statuses: dict[str, list[int]] = attrs.field(factory=dict)
    knows_ranges: bool = True
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    """Paths and ranges, in order."""

    def listing(self):
        return {
            "id": REPO,
            "sha": COMMIT,
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name, content):
        listed = {"rfilename": name, "size": len(content)}
        if name.endswith(".bin"):
            return {**listed, "lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 130}}
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        return {**listed, "blobId": blob.hexdigest()}

    def ranges(self, name):
        return [asked for path, asked in self.asked if path == f"/cdn/{name}"]


@contextmanager
def open_hub(files):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}", dict(files))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        hub = self.server.hub
        path = urlsplit(self.path).path
        hub.asked.append((path, self.headers.get("Range", "")))
        for start, statuses in hub.statuses.items():
            if path.startswith(start) and statuses:
                status = statuses.pop(0)
                if status != 200:
                    self._answer(status, b"{}")
                    return
        name = path.rpartition("/")[2]
        if path == f"/api/models/{REPO}/revision/{COMMIT}":
            self._answer(200, json.dumps(hub.listing()).encode(), {"Content-Type": "application/json"})
        elif path == f"/{REPO}/resolve/{COMMIT}/{name}" and name in hub.files:
            # As hubs do: the bytes are elsewhere.
            self._answer(302, b"", {"Location": f"{hub.url}/cdn/{name}"})
        elif path == f"/cdn/{name}":
            self._send(hub, hub.sent.get(name, hub.files[name]))
        else:
            self._answer(404, b"{}")

    def _send(self, hub, content):
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        status, headers = 200, {}
        if start and hub.knows_ranges:
            status = 206
            headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            content = content[start:]
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            # As hubs do with text, and then lengths and ranges are those of something else.
            content, headers = gzip.compress(content), {**headers, "Content-Encoding": "gzip"}
        cut = hub.cuts.pop(0) if hub.cuts else None
        self._answer(status, content, headers, cut)
        if cut is not None:
            self.close_connection = True

    def _answer(self, status, content, headers=(), cut=None):
        self.send_response(status)
        for name, value in {**dict(headers), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:cut])
