"""Showing a page to whoever started the service."""

import os
import sys
import webbrowser
from urllib.parse import urlsplit

import trio

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what such an address is called from here


def page_url(service_url: str, path: str) -> str:
    """The address of a page as this machine's own browser takes it."""
    port = urlsplit(service_url).port
    host = service_url.removeprefix("http://").removesuffix(f":{port}")
    return f"http://{EVERYWHERE.get(host, host)}:{port}{path}"


def has_screen() -> bool:
    """Whether there is a place for a window; a browser in the terminal would take it away from us."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def show(url: str) -> bool:
    """Open a page in the browser; whether there is one."""
    if not has_screen():
        return False
    # A browser may be slow to start, and nobody waits for it.
    return await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)
