"""Which pages may talk to us."""

import pytest
from gateway_peers import echo_engine, opened

HOST = ("Host", "dub.example:8000")


@pytest.mark.parametrize(
    ("allowed", "origin", "passes"),
    [
        (None, None, True),
        (None, "http://dub.example:8000", True),
        (None, "https://dub.example:8000", False),
        (None, "http://evil.example", False),
        (None, "null", False),
        ("http://app.example", "http://app.example", True),
        ("http://app.example", "http://dub.example:8000", False),
        (["http://app.example", "http://b.example"], "http://b.example", True),
        (["http://app.example"], "http://app.example.evil.example", False),
        (["http://app.example"], "HTTP://APP.EXAMPLE", False),
        ([], "http://dub.example:8000", False),
        ([], None, True),
        ("*", "http://evil.example", True),
        (lambda origin: origin.endswith(".example"), "http://any.example", True),
        (lambda origin: False, "http://any.example", False),
    ],
)
async def test_an_origin_is_permitted_by_the_exact_list_on_both_transports(allowed, origin, passes) -> None:
    async with opened(echo_engine(cors_allowed_origins=allowed)) as peers:
        headers = [HOST, *([("Origin", origin)] if origin else [])]
        polled = await peers.http().request("GET", peers.target(), headers=headers)
        assert polled.status == (200 if passes else 403)
        shown = polled.headers.get("access-control-allow-origin")
        assert shown == (origin if passes and origin else None)
        offered = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        http = peers.http()
        await http.send(
            "GET",
            peers.target("websocket"),
            headers=[*headers, *offered, ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw==")],
        )
        answer = await http.stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 101" if passes else b"HTTP/1.1 403")


async def test_a_forwarded_host_is_not_believed() -> None:
    async with opened(echo_engine()) as peers:
        headers = [HOST, ("Origin", "http://evil.example"), ("X-Forwarded-Host", "evil.example")]
        assert (await peers.http().request("GET", peers.target(), headers=headers)).status == 403


async def test_a_preflight_is_answered_for_permitted_origins_alone() -> None:
    async with opened(echo_engine(cors_allowed_origins="http://a.example")) as peers:
        asked = ("Access-Control-Request-Headers", "content-type")
        granted = await peers.http().request(
            "OPTIONS", peers.target(), headers=[HOST, ("Origin", "http://a.example"), asked]
        )
        denied = await peers.http().request(
            "OPTIONS", peers.target(), headers=[HOST, ("Origin", "http://b.example")]
        )
    assert granted.status == 204
    assert granted.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert granted.headers["access-control-allow-headers"] == "content-type"
    assert granted.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in granted.headers
    assert denied.status == 403


async def test_credentials_are_allowed_to_listed_origins_only_when_asked_for() -> None:
    async with opened(echo_engine(cors_allowed_origins="http://a.example", cors_credentials=True)) as peers:
        reply = await peers.http().request(
            "GET", peers.target(), headers=[HOST, ("Origin", "http://a.example")]
        )
    assert reply.headers["access-control-allow-credentials"] == "true"
    with pytest.raises(ValueError, match="credentials"):
        echo_engine(cors_allowed_origins="*", cors_credentials=True)
