"""The console's pages: what lies in the package is served by its name, safely, and nothing else is."""

from importlib.resources import files
from pathlib import Path

import pytest
from running import QUICK, running
from test_console import SECRET, get

from sts_actors.console.static import Pages, read_pages
from sts_actors.gateway import HttpRequest

FOLDER = Path(str(files("sts_actors.console") / "pages"))
NAMES = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file())


class Nothing:
    """A request without a body."""


def asked(path="/pages/a.js", **headers):
    return HttpRequest(
        method="GET",
        target=path,
        path=path,
        query_string="",
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        source=Nothing(),
    )


def safe(headers):
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    return True


async def test_the_console_is_at_the_root_and_needs_no_token():
    async with running(**QUICK, auth_token=SECRET) as service:
        status, headers, body = await get(service, "/", Host="evil.example")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body == (FOLDER / "index.html").read_bytes()
    assert safe(headers)


@pytest.mark.parametrize("name", NAMES)
async def test_each_file_of_the_package_is_served_by_its_name(name):
    async with running(**QUICK) as service:
        status, headers, body = await get(service, f"/pages/{name}")
    assert (status, body) == (200, (FOLDER / name).read_bytes())
    assert safe(headers)


@pytest.mark.parametrize(
    "path",
    [
        "/pages/",
        "/pages",
        "/pages/console/../index.html",
        "/pages/nothing.js",
        "/pages/../routes.py",
        "/pages/..%2froutes.py",
        "/pages/%2e%2e/%2e%2e/app.py",
        "/pages//etc/passwd",
        "/pages/./index.html",
        "/pages/index.html/",
        "/pages/index.html%00",
        "/pages/pages/index.html",
        "/pages/..\\routes.py",
        "/index.html",
    ],
)
async def test_nothing_else_is_served(path):
    async with running(**QUICK) as service:
        status, _, body = await get(service, path)
    assert (status, body) == (404, b"Not Found")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.wav", "audio/wav"),
        ("a.strange", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
async def test_a_file_is_served_as_what_it_is(name, kind):
    reply = await Pages({name: b"x"}).below(asked(f"/pages/{name}"))
    headers = {key.lower(): value for key, value in reply.headers}
    assert (reply.status, reply.body, headers["content-type"]) == (200, b"x", kind)
    assert headers["cache-control"] == "no-cache"
    assert safe(headers)


async def test_a_file_in_a_folder_is_served_by_its_whole_name():
    pages = Pages({"console/main.js": b"x"})
    assert (await pages.below(asked("/pages/console/main.js"))).body == b"x"
    for other in ("/pages/main.js", "/pages/console", "/pages/console/", "/pages/console//main.js"):
        assert (await pages.below(asked(other))).status == 404


async def test_a_page_that_a_browser_has_is_not_sent_again_until_it_is_another():
    pages = Pages({"a.js": b"one", "b.js": b"two"})
    first = await pages.below(asked())
    tag = dict(first.headers)["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await pages.below(asked(if_none_match=known))
        assert (again.status, again.body) == (304, b"")
        headers = {key.lower(): value for key, value in again.headers}
        assert headers["etag"] == tag
        assert safe(headers)
    for other in ("", '"other"', dict((await pages.below(asked("/pages/b.js"))).headers)["ETag"], tag[1:-1]):
        assert (await pages.below(asked(if_none_match=other))).status == 200
    changed = await Pages({"a.js": b"three"}).below(asked(if_none_match=tag))
    assert changed.status == 200


async def test_a_page_of_its_own_path_that_is_not_there_is_not_found():
    reply = await Pages({}).page("try.html")(asked("/try"))
    assert reply.status == 404
    assert safe({key.lower(): value for key, value in reply.headers})


def test_the_pages_are_read_from_the_package():
    assert sorted(read_pages()._files) == NAMES
    assert "index.html" in NAMES
