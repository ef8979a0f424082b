"""The console's routes on the service's own server."""

import re
from collections.abc import Awaitable, Callable

import attrs
import trio

from sts_actors import __version__
from sts_actors.audio.wav import write_wav
from sts_actors.console import overview, streams
from sts_actors.console.fresh import fresh, fresh_json
from sts_actors.console.static import Pages
from sts_actors.console.trying import Trying
from sts_actors.dubbing import Dubbing
from sts_actors.gateway import HttpRequest, HttpResponse, Server
from sts_actors.journal import Journal, Sound, StreamEntry
from sts_actors.operators import refusal
from supervision import LoopInstrument

_STREAM = re.compile(r"/console/streams/([^/]+)")
_SOUND = re.compile(r"/console/streams/([^/]+)/fragments/([0-9]{1,12})/(source|dub\.([A-Za-z0-9-]+))\.wav")


@attrs.define(eq=False)
class Console:
    """What the console shows, to those who may look."""

    dubbing: Dubbing
    journal: Journal
    loop: LoopInstrument
    _began: float = attrs.field(factory=trio.current_time, init=False)

    async def overview(self, _: HttpRequest) -> HttpResponse:
        """`GET /console/overview`."""
        dubbing = self.dubbing
        runtime = await overview.runtime(dubbing.models, self.loop.statistics())
        missing = [stage.value for stage in dubbing.models.missing]
        return fresh_json(
            200,
            {
                "version": __version__,
                "profile": dubbing.settings.profile,
                "uptime_s": round(trio.current_time() - self._began, 3),
                "ready": not missing and not dubbing.drain.on,
                "draining": dubbing.drain.on,
                "missing": missing,
                "streams": overview.streams(self.journal),
                **runtime,
            },
        )

    async def below_streams(self, request: HttpRequest) -> HttpResponse:
        """`GET /console/streams/SESSION_ID`, and the sound of its fragments."""
        if (named := _STREAM.fullmatch(request.path)) is not None:
            stream = self.journal.find(named[1])
            return _nothing("stream") if stream is None else fresh_json(200, streams.describe(stream))
        if (named := _SOUND.fullmatch(request.path)) is not None:
            stream = self.journal.find(named[1])
            sound = None if stream is None else _sound(stream, int(named[2]), named[4])
            return _nothing("sound, or no longer") if sound is None else await self._wav(sound)
        return _nothing("such page")

    async def _wav(self, sound: Sound) -> HttpResponse:
        body = await self.dubbing.compute(write_wav, sound.pcm, sound.sample_rate_hz)
        return fresh(200, "audio/wav", body)

    def guarded(
        self, serve: Callable[[HttpRequest], Awaitable[HttpResponse]]
    ) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
        """`serve` for those who may look."""

        async def guard(request: HttpRequest) -> HttpResponse:
            refused = refusal(request, self.dubbing.settings.auth_token)
            return refused or await serve(request)

        return guard


def add_routes(server: Server, console: Console, pages: Pages) -> None:
    """Serve the console and its pages; these need no token, for they hold no data."""
    server.route("GET", "/console/overview", console.guarded(console.overview))
    server.route("GET", "/console/streams/*", console.guarded(console.below_streams))
    trying = Trying(console.dubbing)
    server.route("GET", "/try/options", console.guarded(trying.options))
    server.route("GET", "/try/sample.wav", console.guarded(trying.recording))
    server.route("GET", "/", pages.page("index.html"))
    server.route("GET", "/try", pages.page("try.html"))
    server.route("GET", "/pages/*", pages.below)


def _sound(stream: StreamEntry, index: int, language: str | None) -> Sound | None:
    return stream.source(index) if language is None else stream.dub(index, language)


def _nothing(what: str) -> HttpResponse:
    return fresh_json(404, {"error": f"there is no {what}"})
