"""Who may look inside the service: whoever has its token; where none is set, this machine alone."""

from sts_actors.access import FORWARDED, bearer, host_name, is_loopback, is_token
from sts_actors.gateway import HttpRequest, HttpResponse

_TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))


def refusal(request: HttpRequest, token: str) -> HttpResponse | None:
    """What one is answered who may not look; None for one who may.

    Without a token this machine may look for itself alone: a proxy here may pass on somebody else's request,
    and a page in a browser here may have been led to us under a name of its own.
    """
    if token:
        if not is_token(bearer(request.header("authorization")), token):
            return HttpResponse(401, (*_TEXT, ("WWW-Authenticate", "Bearer")), b"a token is needed\n")
    elif not _is_local(request):
        return HttpResponse(403, _TEXT, b"only from this machine, or with STS_AUTH_TOKEN set\n")
    return None


def _is_local(request: HttpRequest) -> bool:
    if any(request.header(name) for name in FORWARDED):
        return False
    return is_loopback(request.peer[0]) and is_loopback(host_name(request.header("host")))
