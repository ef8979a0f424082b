"""Answers that are of this moment: nobody keeps them."""

from typing import Any

import orjson

from sts_actors.gateway import HttpResponse

_FRESH = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


def fresh(status: int, kind: str, body: bytes) -> HttpResponse:
    """A body of a content type."""
    return HttpResponse(status, (("Content-Type", kind), *_FRESH), body)


def fresh_json(status: int, content: dict[str, Any]) -> HttpResponse:
    """The same of what becomes JSON."""
    return fresh(status, "application/json", orjson.dumps(content))
