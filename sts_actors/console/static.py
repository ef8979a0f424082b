"""The console's pages: files of the package, read once, served by their names."""

from collections.abc import Awaitable, Callable, Iterator
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import attrs

from sts_actors.gateway import HttpRequest, HttpResponse

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".wav": "audio/wav",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_CSP = (
    # Sound that was fetched with a token is played from a blob; nothing else is from elsewhere, or inline.
    "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", _CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    # Asked for again each time: a page of another version than its service would misread it.
    ("Cache-Control", "no-cache"),
)
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@attrs.frozen
class _File:
    kind: str
    tag: str
    body: bytes = attrs.field(repr=False)


class Pages:
    """Files by name: what is not among them is not there, whatever its path says."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._files = {
            name: _File(
                kind=_KINDS.get(PurePosixPath(name).suffix, "application/octet-stream"),
                tag=f'"{blake2b(body, digest_size=16).hexdigest()}"',
                body=body,
            )
            for name, body in contents.items()
        }

    def page(self, name: str) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
        """What serves one file at a path of its own."""

        async def serve(request: HttpRequest) -> HttpResponse:
            return self._answer(name, request)

        return serve

    async def below(self, request: HttpRequest) -> HttpResponse:
        """Serve `/pages/NAME`."""
        return self._answer(request.path.removeprefix("/pages/"), request)

    def _answer(self, name: str, request: HttpRequest) -> HttpResponse:
        file = self._files.get(name)
        if file is None:
            return HttpResponse(404, (*_HEADERS, _TEXT), b"Not Found")
        headers = (*_HEADERS, ("ETag", file.tag))
        if _knows(request.header("if-none-match"), file.tag):
            return HttpResponse(304, headers)
        return HttpResponse(200, (*headers, ("Content-Type", file.kind)), file.body)


def read_pages() -> Pages:
    """The package's own. Reads files: call it off the loop."""
    return Pages(dict(_read(files("sts_actors.console") / "pages")))


def _read(folder: Traversable, within: str = "") -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _read(each, f"{within}{each.name}/")
        else:
            yield within + each.name, each.read_bytes()


def _knows(if_none_match: str, tag: str) -> bool:
    named = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in named or "*" in named
