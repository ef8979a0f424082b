"""Routes beside Engine.IO's own: which handler serves a path."""

from typing import Final

from sts_actors.gateway.wire.messages import Handler, HttpRequest, HttpResponse

_TEXT: Final = ("Content-Type", "text/plain; charset=UTF-8")


class Routes:
    """Handlers by path and method.

    A path that ends in `/*` stands for all that lie below it; an exact one goes before it, and so does a
    longer one. Paths are compared as they are decoded, and nothing in them is resolved: what a handler makes
    of `..` is its own.
    """

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Handler]] = {}
        self._below: dict[str, dict[str, Handler]] = {}

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve `path` with `handler`; GET serves HEAD as well."""
        routes, key = (self._below, path[:-1]) if path.endswith("/*") else (self._exact, path)
        routes.setdefault(key, {})[method.upper()] = handler

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, with 404 or 405 where nobody else does."""
        methods = self._find(request.path)
        if methods is None:
            return HttpResponse(404, [_TEXT], b"Not Found")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            return HttpResponse(405, [_TEXT, ("Allow", ", ".join(methods))], b"Method Not Allowed")
        return await handler(request)

    def _find(self, path: str) -> dict[str, Handler] | None:
        if path in self._exact:
            return self._exact[path]
        above = [prefix for prefix in self._below if path.startswith(prefix)]
        return self._below[max(above, key=len)] if above else None
