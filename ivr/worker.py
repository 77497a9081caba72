"""One worker process: built from the settings, given URLs, it starts nothing but itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from socket import gethostname
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from ivr.admission.load import LoadLimits
from ivr.admission.places import Places
from ivr.admission.watch import LoadWatch
from ivr.api.health import HealthServer, json_page
from ivr.clock import SystemClock
from ivr.conversation.lost_calls import end_lost_calls, left_by_the_last
from ivr.conversation.prompts import fixed_of, to_render, voice_of
from ivr.conversation.reception import Reception
from ivr.conversation.services import Services
from ivr.dialogue.flow import Flow
from ivr.engines import Engines, load_engines
from ivr.errors import IvrError
from ivr.integrations.hub import IntegrationHub, load_client
from ivr.ports import refuse_used_port
from ivr.settings import Settings
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.chain import EngineChain
from ivr.speech.synthesis.prompt_store import PromptStore
from ivr.speech.synthesis.recorded import RecordedPrompts, recordings_folder
from ivr.storage.callers import RedisCallers
from ivr.storage.expiry import keep_for
from ivr.storage.records import RecordJournal
from ivr.storage.sessions import RedisSessionStore
from ivr.storage.sound_files import SoundFiles
from ivr.telemetry.metrics import Metrics
from ivr.telephony.audiosocket.ami import AmiControl
from ivr.telephony.audiosocket.ami_agents import AmiAgents
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call
from ivr.telephony.freeswitch.server import FreeSwitchServer
from ivr.telephony.media_clock import MediaClock

_PRERENDER_S = 20.0
_POLL_S = 0.05
_log = structlog.get_logger()


class Worker:
    """Answers calls until it is told to stop."""

    def __init__(self, settings: Settings, engines: Engines) -> None:
        self._settings = settings
        self._engines = engines
        self._trial = engines.trial
        self._closing: list[Callable[[], Any]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._opened = False
        self._draining = False
        self._audiosocket: AudioSocketServer | None = None
        self._freeswitch: FreeSwitchServer | None = None
        self._clock = MediaClock()
        self._metrics = Metrics()
        self._watch: LoadWatch | None = None

    @property
    def audiosocket_port(self) -> int:
        """Where it listens for calls (also when 0 was asked for)."""
        server = self._audiosocket
        return self._settings.audiosocket_port if server is None else server.port

    @property
    def live_calls(self) -> int:
        """Calls that are being answered now."""
        return len(self._calls)

    async def start(self) -> None:
        """Reach the neighbours, then listen. Raises IvrError when something it needs is missing."""
        settings = self._settings
        media_ports = settings.media_ports
        services = await self._services()
        control = None
        if settings.ami_secret is not None:
            control = AmiControl(
                settings.ami_host,
                settings.ami_port,
                settings.ami_user,
                settings.ami_secret.get_secret_value(),
            )
            await control.start()
            self._closing.append(control.close)

        def answer(call: Call) -> None:
            if self._live > settings.max_calls:
                # With those of the other switch; the dialplan tries the next worker.
                call.drop()
                return
            converse(call)

        reception = Reception(self._places())
        self._closing.append(reception.close)

        def converse(call: Call) -> None:
            flow = self._trial.flow_for(call.info.caller, str(call.id))
            task = reception.take(call, replace(services, flow=flow, voice=partial(voice_of, flow)))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

        health = HealthServer(
            settings.host,
            settings.http_port,
            {
                "/live": json_page(lambda: (HTTPStatus.OK, {"live": True})),
                "/ready": json_page(self._readiness),
                "/metrics": lambda: (
                    HTTPStatus.OK,
                    CONTENT_TYPE_LATEST,
                    self._metrics.render(),
                ),
            },
        )
        await health.start()
        self._closing.append(health.stop)
        await load_client(f"http://{settings.host}:{health.port}/live")
        self._audiosocket = audiosocket = AudioSocketServer(
            settings.host,
            settings.audiosocket_port,
            answer,
            control=control,
            agents=AmiAgents(control) if control is not None else None,
            clock=self._clock,
            max_calls=settings.max_calls,
            may_take=self._may_take,
        )
        self._freeswitch = freeswitch = FreeSwitchServer(
            settings.host,
            settings.freeswitch_port,
            converse,
            media_ports=None if media_ports is None else media_ports.as_range(),
            switches=settings.freeswitch_switches,
            max_calls=settings.max_calls,
            other_calls=lambda: audiosocket.live_calls,
            may_take=self._may_take,
        )
        # From here on: engines that load hold everything up, and are no load.
        assert self._watch is not None
        self._watch.start()
        self._closing.append(self._watch.stop)
        watch = self._watch
        self._metrics.watch_lag(lambda: watch.lag_ms / 1000)
        await audiosocket.start()
        await freeswitch.start()
        self._opened = True
        _log.info(
            "worker_ready",
            worker=settings.worker_name,
            audiosocket=f"{settings.host}:{audiosocket.port}",
            freeswitch=f"{settings.host}:{freeswitch.port}",
            http=f"{settings.host}:{health.port}",
            flow=self._trial.usual.name,
            languages=sorted(services.recogniser.languages),
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain: no new call, the live ones finish."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await stop.wait()
        await self.drain()
        await self.close()

    async def drain(self) -> None:
        """Take no more calls; wait for the live ones, `drain_s` at most."""
        self._draining = True
        for server in self._servers:
            await server.pause_accepting()
        _log.info("draining", live_calls=self._live, at_most_s=self._settings.drain_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                while self._live:  # noqa: ASYNC110 - two things end, and neither waits
                    await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """End what still lives, and let go of everything, last things first."""
        for server in self._servers:
            await server.stop()
        if self._calls:
            await asyncio.wait(self._calls, timeout=5)
        for close in reversed(self._closing):
            with contextlib.suppress(Exception):
                result = close()
                if asyncio.iscoroutine(result):
                    await result
        if self._opened:
            _log.info("worker_stopped", worker=self._settings.worker_name)

    @property
    def _live(self) -> int:
        # A call whose caller is still being asked for has no conversation yet, one that has just
        # ended may still be writing its records.
        return max(self.live_calls, sum(server.live_calls for server in self._servers))

    @property
    def _live_or_promised(self) -> int:
        promised = self._freeswitch.promised_calls if self._freeswitch is not None else 0
        return self._live + promised

    def _may_take(self) -> bool:
        return self._watch is not None and self._watch.may_take()

    @property
    def _servers(self) -> list[AudioSocketServer | FreeSwitchServer]:
        return [each for each in (self._audiosocket, self._freeswitch) if each is not None]

    def _readiness(self) -> tuple[HTTPStatus, dict[str, Any]]:
        servers = self._servers
        open_ = bool(servers) and all(server.accepting for server in servers)
        full = self._live_or_promised >= self._settings.max_calls
        ready = open_ and not full and self._may_take()
        body: dict[str, Any] = {"ready": ready, "live_calls": self._live}
        if not ready:
            reasons = {
                "draining": self._draining,
                "starting": not open_,
                "full": full,
                "busy": self._watch is not None and self._watch.overloaded,
            }
            # It was overloaded, and has as many calls as it is known to carry.
            body["reason"] = next((why for why, holds in reasons.items() if holds), "recovering")
        return (HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE), body

    def _places(self) -> Places | None:
        settings = self._settings
        if settings.places is None:
            return None
        redis = _needed(settings.redis_url, "redis_url")
        places = Places(redis, settings.places, settings.longest_queue)
        self._closing.append(places.close)
        return places

    async def _services(self) -> Services:
        settings = self._settings
        database = _needed(settings.database_url, "database_url")
        redis = _needed(settings.redis_url, "redis_url")
        synthesis = settings.synthesis_url
        if synthesis is None:
            raise _not_given("synthesis_url")
        # Workers of several machines may have the same name, and so may two on one.
        place = f"{gethostname()}:{settings.http_port}:{settings.worker_name}"
        sessions = RedisSessionStore(redis, worker=place)
        self._closing.append(sessions.close)
        records = RecordJournal(settings.var_dir / "journal", settings.worker_name, database)
        self._closing.append(records.close)
        speech = EngineChain(
            (*settings.synthesis_engines, synthesis),
            PromptStore(settings.var_dir / "prompts"),
            recorded=RecordedPrompts.load(recordings_folder(settings.flow)),
            fixed=fixed_of(*self._trial.flows),
        )
        self._closing.append(speech.close)
        recogniser, interpreter = self._engines.recogniser, self._engines.interpreter
        self._closing += [recogniser.close, interpreter.close]
        threads = settings.recogniser_threads
        self._watch = LoadWatch(
            LoadLimits(lag_ms=settings.most_lag_ms, backlog_ms=settings.most_backlog_ms),
            backlog_ms=lambda: recogniser.waiting_ms / threads,
            calls=lambda: self._live_or_promised,
        )
        self._engines.archive.keep()
        records.start()
        left = await left_by_the_last(sessions)
        ending = asyncio.create_task(end_lost_calls(left, sessions, records, SystemClock()))
        self._closing.append(ending.cancel)
        self._metrics.watch_recogniser(lambda: recogniser.waiting_ms / 1000)
        self._metrics.watch_records(lambda: records.backlog)
        callers = None
        if settings.caller_key is not None and settings.trusted_trunks:
            callers = RedisCallers(redis, settings.caller_key.get_secret_value())
            self._closing.append(callers.close)
        recordings = settings.recordings_dir or settings.var_dir / "recordings"
        sound_files = SoundFiles(recordings)
        self._closing.append(sound_files.close)
        if settings.keep_recordings_days is not None:
            days = settings.keep_recordings_days
            keeping = asyncio.create_task(keep_for(recordings, days, SystemClock()))
            self._closing.append(keeping.cancel)
        hub = IntegrationHub(settings.integrations)
        self._closing.append(hub.close)
        await self._prerender(speech)
        return Services(
            flow=self._trial.usual,
            flow_version=self._flow_version,
            recogniser=recogniser,
            interpreter=interpreter,
            endings=self._engines.endings,
            synthesiser=speech,
            voice=partial(voice_of, self._trial.usual),
            recordings=shipped(),
            sessions=sessions,
            records=records,
            call_api=hub.call,
            publish=sessions.publish,
            sound_files=sound_files,
            callers=callers,
            trusted_trunks=frozenset(settings.trusted_trunks),
            record_calls=settings.record_calls,
            worker=settings.worker_name,
            metrics=self._metrics,
        )

    async def _flow_version(self, version: str) -> Flow | None:
        """The flow that a call began with elsewhere, where it is not one of ours any more."""
        ours = self._trial.version(version)
        return ours or await asyncio.to_thread(self._engines.archive.version, version)

    async def _prerender(self, speech: EngineChain) -> None:
        """Make what every call says. What takes long goes on while calls are answered."""
        await speech.start()
        wanted = [
            each for flow in self._trial.flows for each in to_render(flow, parts=speech.by_clause)
        ]
        making = asyncio.create_task(speech.prerender(wanted))
        self._closing.append(making.cancel)
        done, _ = await asyncio.wait({making}, timeout=_PRERENDER_S)
        if not done:
            _log.warning("prompts_not_all_rendered", prompts=len(wanted))


def _needed(secret: Any, name: str) -> str:
    if secret is None:
        raise _not_given(name)
    return str(secret.get_secret_value())


def _not_given(name: str) -> IvrError:
    return IvrError(
        f"A worker is given its neighbours, and {name} is not set.",
        remedy=f"Set IVR_{name.upper()}, or run `ivrctl serve`, which starts what is missing.",
    )


def load_worker(settings: Settings, *, ports_known: bool = True) -> Engines:
    """Load what a worker needs; blocks. `ports_known`: those of the settings are its own, and one
    that is in use is told before. Raises IvrError."""
    ports = (
        (settings.audiosocket_port, "IVR_AUDIOSOCKET_PORT"),
        (settings.freeswitch_port, "IVR_FREESWITCH_PORT"),
        (settings.http_port, "IVR_HTTP_PORT"),
    )
    for port, setting in ports if ports_known else ():
        refuse_used_port(settings.host, port, setting)
    # What is loaded now is not garbage, and callers of a worker that has died may wait for it.
    gc.disable()
    return load_engines(settings)


async def run_worker(settings: Settings, engines: Engines) -> None:
    """Run one worker until it is told to stop. Raises IvrError when it cannot start."""
    worker = Worker(settings, engines)
    try:
        await worker.start()
    except BaseException:
        await worker.close()
        raise
    # Models and flows stay for good: to look through them for garbage would hold up every call for
    # a tenth of a second. There is next to none in them.
    gc.freeze()
    gc.enable()
    await worker.run()
