"""`sts-actors serve --open`: the page's address, and a browser where there is one."""

import os
import signal
import subprocess
import sys
import webbrowser

import pytest

from sts_actors.cli import browser


@pytest.mark.parametrize(
    ("service", "page"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/try"),
        ("http://0.0.0.0:9000", "http://127.0.0.1:9000/try"),
        ("http://[::]:9000", "http://[::1]:9000/try"),
        ("http://[fe80::1]:9000", "http://[fe80::1]:9000/try"),
    ],
)
def test_the_page_is_where_this_machines_browser_finds_it(service, page):
    assert browser.page_url(service, "/try") == page


@pytest.mark.parametrize("screen", ["DISPLAY", "WAYLAND_DISPLAY", ""])
async def test_a_browser_is_opened_where_there_is_a_screen(monkeypatch, screen):
    opened = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv(screen, ":0")
    assert await browser.show("http://localhost/try") is bool(screen)
    assert opened == (["http://localhost/try"] if screen else [])


def test_without_a_screen_the_address_is_shown_for_another_browser():
    command = [sys.executable, "-c", "from sts_actors.cli.main import main; main()"]
    command += ["serve", "--profile", "fake", "--port", "0", "--open"]
    kept = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kept) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if "open this address" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert any("http://127.0.0.1:" in line and "/try" in line for line in said)
