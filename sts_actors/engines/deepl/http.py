"""How the DeepL library's requests travel: one attempt each, bounded in time and size, secrets kept.

The library's own way repeats requests with pauses that know no deadline, waits at least 10 s for each, and
puts whatever the server says into its errors.
"""

import json as json_module
import time
from http import HTTPStatus
from typing import Any

import requests
from deepl import ConnectionException
from deepl.http_client import HttpClient

MAX_ANSWER_BYTES = 2_000_000
MAX_MESSAGE_CHARACTERS = 200
_READ_BYTES = 4096


class OneAttempt(HttpClient):
    """For one `DeepLClient`, used by one thread at a time.

    Attributes:
        timeout_s: for the next request.
        after_s: how long the last answer asked to be left alone (`Retry-After`), or None.
    """

    def __init__(self, auth_key: str) -> None:
        super().__init__(send_platform_info=False)
        self.timeout_s = 10.0
        self.after_s: float | None = None
        self._auth_key = auth_key

    def request_with_backoff(
        self,
        method: str,
        url: str,
        data: dict[str, Any] | None,
        json: dict[str, Any] | None,
        headers: dict[str, str],
        stream: bool = False,  # noqa: FBT001, FBT002 - the library's own signature
        **kwargs: Any,
    ) -> tuple[int, str]:
        """Make the request once, and return status and text.

        Raises:
            deepl.ConnectionException: there was no whole answer within `timeout_s`.
        """
        del stream  # asked for by downloads of documents alone
        self.after_s = None
        ends = time.monotonic() + self.timeout_s
        request = self._prepare_request(method, url, data, json, headers, **kwargs)
        try:
            # A redirect would carry the text, and perhaps the key, to somewhere else.
            with self._session.send(
                request, stream=True, timeout=self.timeout_s, allow_redirects=False
            ) as response:
                self.after_s = _seconds(response.headers.get("Retry-After"))
                body = _read(response, ends)
        except (requests.RequestException, OSError) as error:
            raise ConnectionException(type(error).__name__, should_retry=True) from None
        text = body.decode("utf-8", errors="replace")
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            return response.status_code, self._reason(text)
        return response.status_code, _with_bill(text, json)

    def _reason(self, text: str) -> str:
        """What an error's body says, without the rest of it and without the key if it echoes that."""
        try:
            content = json_module.loads(text)
        except ValueError:
            return ""
        message = content.get("message") if isinstance(content, dict) else None
        if not isinstance(message, str):
            return ""
        return json_module.dumps(
            {"message": message.replace(self._auth_key, "(hidden)")[:MAX_MESSAGE_CHARACTERS]}
        )


def _read(response: requests.Response, ends: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_READ_BYTES):
        body += chunk
        if time.monotonic() > ends:
            raise requests.Timeout("the answer trickles")
        if len(body) > MAX_ANSWER_BYTES:
            raise requests.RequestException("the answer is too large")
    return bytes(body)


def _with_bill(text: str, asked: dict[str, Any] | None) -> str:
    """A translation's answer with `billed_characters`: the library breaks on a server that tells none."""
    if asked is None or "text" not in asked:
        return text
    try:
        content = json_module.loads(text)
        for source, translation in zip(asked["text"], content["translations"], strict=True):
            if not isinstance(translation["text"], str):
                return ""
            if not isinstance(translation.get("billed_characters"), int):
                translation["billed_characters"] = len(source)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return json_module.dumps(content)


def _seconds(retry_after: str | None) -> float | None:
    try:
        return float(retry_after or "")
    except ValueError:
        return None
