"""`sts-actors tree`: what every task of a running service is doing."""

from http import HTTPStatus
from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import typer

from sts_actors.cli.errors import CommandError, ExitCode

TIMEOUT_S = 10.0
_MOST_BYTES = 16 * 1024 * 1024


def tree(
    url: Annotated[str, typer.Option(help="Where the service is.")] = "http://127.0.0.1:8000",
    token: Annotated[
        str,
        typer.Option(envvar="STS_AUTH_TOKEN", show_envvar=True, show_default=False, help="Its token."),
    ] = "",
) -> None:
    """Show the tasks of a running service: where each waits, channel fills, stalls, how late its loop is."""
    for line in fetch(url, token).splitlines():
        # What a server says must not move the cursor.
        typer.echo("".join(character if character.isprintable() else "?" for character in line))


def fetch(url: str, token: str) -> str:
    """The report of the service at `url`.

    Raises:
        CommandError: there is none to be had, and why.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandError(f"{url!r} is no address of a service: write it like http://127.0.0.1:8000")
    place = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/debug/tasks"
    request = Request(place, headers={"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310 - the scheme was looked at
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - idem
            if answer.headers.get_content_type() != "text/plain":
                raise CommandError(f"what answers at {url} is no service of ours", code=ExitCode.SERVICE)
            return str(answer.read(_MOST_BYTES).decode("utf-8", "replace"))
    except HTTPError as error:
        with error:
            raise CommandError(_refused(url, error.code), code=ExitCode.SERVICE) from None
    except (URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        told = getattr(reason, "strerror", None) or reason
        raise CommandError(
            f"cannot reach {url}: {told}; is the service running there?", code=ExitCode.SERVICE
        ) from None


def _refused(url: str, status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return f"{url} wants its token: give --token, or set STS_AUTH_TOKEN"
    if status == HTTPStatus.FORBIDDEN:
        return f"{url} shows its tasks to its own machine only, unless STS_AUTH_TOKEN is set there"
    return f"what answers at {url} is no service of ours: HTTP {status}"
