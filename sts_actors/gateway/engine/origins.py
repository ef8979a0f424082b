"""Which pages may talk to us from a browser."""

from collections.abc import Callable, Iterable

from sts_actors.gateway.wire.messages import HttpRequest

AllowedOrigins = None | str | Iterable[str] | Callable[[str], bool]


class OriginPolicy:
    """An exact allow-list: None allows the same origin alone, "*" any, a callable decides by itself.

    A request without an `Origin` always passes: this protects browsers' users, it authenticates nobody.
    Forwarding headers are not believed; a proxy that changes the host needs an explicit list.
    """

    def __init__(self, allowed: AllowedOrigins, *, credentials: bool) -> None:
        self._allowed: Callable[[str], bool] | frozenset[str] | str | None
        if allowed is None or callable(allowed):
            self._allowed = allowed
        else:
            listed = frozenset([allowed] if isinstance(allowed, str) else allowed)
            self._allowed = "*" if "*" in listed else listed
        if credentials and self._allowed == "*":
            raise ValueError("credentials cannot be allowed to every origin: list the origins")
        self._credentials = credentials

    def permits(self, request: HttpRequest) -> bool:
        """Whether the request may be served."""
        origin = request.header("origin")
        if not origin or self._allowed == "*":
            return True
        if self._allowed is None:
            return origin == f"{request.scheme}://{request.header('host')}"
        if callable(self._allowed):
            return self._allowed(origin)
        return origin in self._allowed

    def headers(self, request: HttpRequest) -> tuple[tuple[str, str], ...]:
        """The CORS headers of the answer to a permitted request."""
        origin = request.header("origin")
        if not origin:
            return ()
        headers = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        if self._credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        if request.method == "OPTIONS":
            headers.append(("Access-Control-Allow-Methods", "GET, POST, OPTIONS"))
            if asked := request.header("access-control-request-headers"):
                headers.append(("Access-Control-Allow-Headers", asked))
        return tuple(headers)
