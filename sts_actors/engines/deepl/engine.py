"""Translation by DeepL: calls made in threads, repeated while there is time, counted and bounded."""

import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import attrs
import trio

from sts_actors.engines.actor import OpenRunner, Runner
from sts_actors.engines.breaker import Breaker
from sts_actors.engines.deepl.call import Call
from sts_actors.engines.deepl.glossaries import choose_glossary, parse_glossaries
from sts_actors.engines.deepl.languages import (
    INSTRUCTED,
    SOURCES,
    TARGETS,
    language_pairs,
    our_language,
    source_code,
    target_code,
)
from sts_actors.engines.ports import EngineInfo, TranslatedText, TranslateRequest
from sts_actors.engines.quota import QuotaWatch
from sts_actors.engines.retries import CallFailed, Patience, persist
from sts_actors.engines.sentences import split_text
from sts_actors.errors import ConfigError, EngineError, ErrorCode
from supervision.groups import own_error

if TYPE_CHECKING:
    from sts_actors.engines.deepl.client import Clients

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CHARACTERS = 5000
"""Of one call."""
CONTEXT_CHARACTERS = 400
"""How much of a long text's last piece goes along with the next."""
SHORTER = (
    "Be concise: choose the shortest natural wording that keeps the meaning, with as few syllables as "
    "possible, because the translation is spoken in the time that the original took."
)
"""The service takes at most 300 characters of it, in English for every target."""
_FORMALITY = {
    "more": "prefer_more",
    "formal": "prefer_more",
    "prefer_more": "prefer_more",
    "less": "prefer_less",
    "informal": "prefer_less",
    "prefer_less": "prefer_less",
}
"""`prefer_`: a language that knows no such difference is translated all the same."""


def check_key(auth_key: str) -> str:
    """The key without white space around it, fit for a header.

    Raises:
        ConfigError: there is none, or it cannot be one; it is not shown.
    """
    key = auth_key.strip()
    if not key:
        raise ConfigError("the engine deepl needs a key: set DEEPL_AUTH_KEY, or use --profile embedded")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("DEEPL_AUTH_KEY holds characters that no DeepL key has: copy it again")
    return key


def check_url(server_url: str) -> str:
    """The address as the library joins it, or "".

    Raises:
        ConfigError: it is no address of a web server.
    """
    url = server_url.strip()
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError("DEEPL_SERVER_URL must be an address such as https://api.deepl.com")
    return url.rstrip("/") + "/"


@attrs.frozen(kw_only=True)
class DeepLConfig:
    """How the service is asked.

    Attributes:
        auth_key: one that ends in `:fx` belongs to the free service.
        server_url: another server than the one that the key belongs to.
        glossaries: ids by language pair, or one under "" for every pair.
        calls_at_once: the most that are under way, those given up included.
        usage_every_s: the time between two looks at the quota.
    """

    auth_key: str = attrs.field(repr=False, converter=check_key)
    server_url: str = attrs.field(default="", converter=check_url)
    glossaries: Mapping[str, str] = attrs.field(default="", converter=parse_glossaries)
    calls_at_once: int = 8
    usage_every_s: float = 300.0
    patience: Patience = attrs.field(factory=Patience)
    new_breaker: Callable[[], Breaker] = Breaker


class DeepL:
    """A `Runner`; made by `open_deepl`."""

    def __init__(self, config: DeepLConfig, clients: "Clients", watch: QuotaWatch) -> None:
        self.info = _info(SOURCES, TARGETS)
        self.breaker = config.new_breaker()
        self.watch = watch
        self._config = config
        self._clients = clients
        self._offered: tuple[str, ...] = ()
        self._uninstructed: set[str] = set()
        self._calls = trio.CapacityLimiter(config.calls_at_once)
        # Of its own, so that the quota is seen however busy the service is.
        self._looks = trio.CapacityLimiter(1)
        self._rng = random.Random()  # noqa: S311 - spreads retries, no secret

    async def run(
        self, batch: Sequence[TranslateRequest], deadline: float
    ) -> Sequence[TranslatedText | EngineError]:
        """Translate each text, one after the other; one that fails fails alone."""
        return [await self._one(request, deadline) for request in batch]

    async def _one(self, request: TranslateRequest, deadline: float) -> TranslatedText | EngineError:
        texts: list[str] = []
        # What was said of the sentence is context too: of a cut sentence the service translates the rest.
        billed_characters, context = 0, f"{request.context} {request.sentence_start}".strip()
        target = target_code(request.target_locale or request.target_language, self._offered)
        for piece in split_text(request.text, MAX_CHARACTERS):
            call = self._call(request, piece.text, context, target)
            try:
                translated = await persist(
                    partial(self._in_thread, self._calls, self._clients.translate, call),
                    deadline=deadline,
                    breaker=self.breaker,
                    patience=self._config.patience,
                    rng=self._rng,
                )
            except EngineError as error:
                if call.instructions and error.code is ErrorCode.TRANSLATION_FAILED:
                    # Not every account may give instructions: do not offer it again in vain.
                    self._uninstructed.add(target)
                return error
            self.watch.billed(translated.billed_characters)
            texts += translated.text, piece.space
            billed_characters += translated.billed_characters
            context = piece.text[-CONTEXT_CHARACTERS:]
        return TranslatedText(
            text="".join(texts).strip(),
            billed_characters=billed_characters,
            can_be_shorter=bool(texts) and not request.shorter and self._takes_instructions(target),
        )

    def _takes_instructions(self, target: str) -> bool:
        return our_language(target) in INSTRUCTED and target not in self._uninstructed

    def _call(self, request: TranslateRequest, text: str, context: str, target: str) -> Call:
        return Call(
            text=text,
            source=source_code(request.source_language),
            target=target,
            context=context,
            formality=_FORMALITY.get((request.formality or "").strip().lower()),
            glossary=choose_glossary(
                self._config.glossaries, request.source_language, request.target_language
            ),
            instructions=(SHORTER,) if request.shorter and self._takes_instructions(target) else (),
        )

    @staticmethod
    async def _in_thread(limiter: trio.CapacityLimiter, work: Callable[..., T], *args: Any) -> T:
        """`work(*args)`; the last argument is how long it may take. What takes longer is left alone."""
        with trio.move_on_after(args[-1]):
            return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True, limiter=limiter)
        raise CallFailed(
            ErrorCode.TRANSLATION_API_UNAVAILABLE,
            f"DeepL did not answer within {args[-1]:.1f} s",
            passing=True,
            sick=True,
        )

    async def learn_languages(self) -> None:
        """Ask once what the service offers; where it does not say, our own list stands."""
        try:
            sources, targets = await self._in_thread(
                self._looks, self._clients.languages, self._config.patience.attempt_timeout_s
            )
        except CallFailed as error:
            log.warning("DeepL does not tell its languages, going by our own list: %s", error.message)
            return
        if sources and targets:
            self._offered = targets
            self.info = _info(sources, targets)

    async def poll_usage(self) -> None:
        """Look at the quota now and then, for ever; a look that fails is logged."""
        while True:
            try:
                quota = await self._in_thread(
                    self._looks, self._clients.usage, self._config.patience.attempt_timeout_s
                )
            except CallFailed as error:
                log.warning("cannot see how much of the DeepL quota is used: %s", error.message)
            else:
                if quota is not None:
                    self.watch.told(quota)
            await trio.sleep(self._config.usage_every_s)


def _info(sources: Sequence[str], targets: Sequence[str]) -> EngineInfo:
    return EngineInfo(
        name="DeepL", licence="a paid service (library: MIT)", pairs=language_pairs(sources, targets)
    )


def open_deepl(config: DeepLConfig, watch: QuotaWatch | None = None) -> OpenRunner:
    """Opens the engine; `watch` is told how much of the quota is used."""

    @asynccontextmanager
    async def open_runner() -> AsyncIterator[Runner]:
        clients = await trio.to_thread.run_sync(_load, config)
        try:
            runner = DeepL(config, clients, QuotaWatch() if watch is None else watch)
            await runner.learn_languages()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(runner.poll_usage)
                    yield runner
                    nursery.cancel_scope.cancel()
            except BaseExceptionGroup as group:
                raise own_error(group, None) from None
        finally:
            clients.close()

    return open_runner


def _load(config: DeepLConfig) -> "Clients":
    # In a thread: importing the library takes a while.
    from sts_actors.engines.deepl.client import Clients  # noqa: PLC0415 - heavy, and only where it runs

    # It logs what is translated at DEBUG, and each request at INFO: the metrics tell the latter better.
    logging.getLogger("deepl").setLevel(logging.WARNING)
    return Clients(config.auth_key, config.server_url)
