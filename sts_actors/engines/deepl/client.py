"""The DeepL library behind one typed class: blocking, for threads; imported only where it is used."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import deepl

from sts_actors.engines.deepl.call import Call
from sts_actors.engines.deepl.errors import explain
from sts_actors.engines.deepl.http import OneAttempt
from sts_actors.engines.ports import TranslatedText
from sts_actors.engines.quota import Quota

T = TypeVar("T")


class Clients:
    """As many connections to the service as calls at once; each is used by one thread at a time.

    Every method blocks for at most about `timeout_s` and raises `CallFailed`.
    """

    def __init__(self, auth_key: str, server_url: str) -> None:
        self._auth_key = auth_key
        self._server_url = server_url
        self._lock = threading.Lock()
        self._idle: list[_Client] = []
        self._closed = False

    def translate(self, call: Call, timeout_s: float) -> TranslatedText:
        """Translate one text."""

        def ask(client: deepl.DeepLClient) -> TranslatedText:
            result = client.translate_text(
                [call.text],
                source_lang=call.source,
                target_lang=call.target,
                context=call.context or None,
                formality=call.formality,
                glossary=call.glossary,
                custom_instructions=list(call.instructions) or None,
            )
            (translated,) = result if isinstance(result, list) else (result,)
            return TranslatedText(text=translated.text, billed_characters=translated.billed_characters)

        return self._call(ask, timeout_s)

    def usage(self, timeout_s: float) -> Quota | None:
        """What is used of the quota; None where the account has none."""

        def ask(client: deepl.DeepLClient) -> Quota | None:
            character = client.get_usage().character
            if character.count is None or character.limit is None:
                return None
            return Quota(character.count, character.limit)

        return self._call(ask, timeout_s)

    def languages(self, timeout_s: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The codes of the sources and of the targets that the service offers."""

        def ask(client: deepl.DeepLClient) -> tuple[tuple[str, ...], tuple[str, ...]]:
            sources, targets = client.get_source_languages(), client.get_target_languages()
            return tuple(each.code for each in sources), tuple(each.code for each in targets)

        return self._call(ask, timeout_s)

    def close(self) -> None:
        """Close what is idle now, and what is in use when its call ends."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _call(self, ask: Callable[[deepl.DeepLClient], T], timeout_s: float) -> T:
        with self._borrowed() as client:
            client.http.timeout_s = timeout_s
            try:
                return ask(client.api)
            except (deepl.DeepLException, ValueError, LookupError, TypeError, AttributeError) as error:
                # The library picks answers apart unchecked: garbage shows as any of these.
                failure = explain(error, client.http.after_s)
            raise failure

    @contextmanager
    def _borrowed(self) -> Iterator["_Client"]:
        with self._lock:
            client = self._idle.pop() if self._idle else None
        if client is None:
            client = _Client(self._auth_key, self._server_url)
        try:
            yield client
        finally:
            with self._lock:
                keep = not self._closed
                if keep:
                    self._idle.append(client)
            if not keep:
                client.close()


class _Client:
    def __init__(self, auth_key: str, server_url: str) -> None:
        self.http = OneAttempt(auth_key)
        self.api = deepl.DeepLClient(auth_key, server_url=server_url or None)
        self.api.close()  # type: ignore[no-untyped-call]
        # The library has no parameter for it; a test counts the requests, and would miss this.
        self.api._client = self.http  # noqa: SLF001

    def close(self) -> None:
        self.http.close()  # type: ignore[no-untyped-call]
