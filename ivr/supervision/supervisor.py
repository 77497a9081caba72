"""`ivrctl serve`: starts what is missing, then the workers, and keeps all of it alive.

What has a URL in the settings belongs to somebody else; only what has none is started here, and
only outside production.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from secrets import token_hex

import structlog
from pydantic import SecretStr

from ivr.dialogue.flow import Flow
from ivr.settings import Settings
from ivr.speech.synthesis.starting import LAST, start_engines
from ivr.storage.embedded.folder import cannot_use
from ivr.storage.embedded.postgres_server import EmbeddedPostgres
from ivr.storage.embedded.redis_server import EmbeddedRedis
from ivr.storage.schema import apply_schema
from ivr.supervision.bank_process import BankProcess
from ivr.supervision.embedded_server import EmbeddedServer
from ivr.supervision.notes import ServeNotes, remove_notes
from ivr.supervision.probe import status_of
from ivr.supervision.spare_workers import SpareWorkers
from ivr.supervision.switch_gate import SwitchGate
from ivr.supervision.ward import Ward
from ivr.supervision.watchdog import watch
from ivr.supervision.worker_ports import WorkerPorts
from ivr.supervision.worker_process import WorkerProcess

_READY_WITHIN_S = 1.0

_log = structlog.get_logger()

Progress = Callable[[str], None]
"""Told what is being started."""


class Supervisor:
    """Everything one machine runs."""

    def __init__(
        self,
        settings: Settings,
        progress: Progress = lambda _: None,
        *,
        worker_log: Path | None = None,
    ) -> None:
        self._settings = settings
        self._worker_log = worker_log
        self._progress = progress
        self._wards: list[tuple[Ward, float]] = []
        self._watches: list[asyncio.Task[None]] = []
        self._ports = WorkerPorts()
        self._gates: list[SwitchGate] = []
        self._spares: SpareWorkers | None = None
        self.settings = settings
        """The settings with the URLs of what was started filled in."""

    @property
    def wards(self) -> list[Ward]:
        """What is looked after, in the order in which it was started."""
        return [ward for ward, _ in self._wards]

    async def start(self, *, watching: bool = True) -> None:
        """Start everything. Raises IvrError; what had been started is stopped again. Without
        `watching` nothing that dies or freezes is replaced."""
        settings = self._settings
        paths = [settings.flow, *([settings.flow_trial] if settings.flow_trial else [])]
        flows = [Flow.load(path) for path in paths]
        self._ports = WorkerPorts.choose(self._settings)
        try:
            await self._start_neighbours(flows)
            await self._start_workers()
        except BaseException:
            await self.stop()
            raise
        notes = ServeNotes.of(self.settings, self._ports)
        notes.write(self.settings.var_dir)
        _log.info(
            "serving",
            host=notes.host,
            audiosocket_ports=notes.audiosocket_ports,
            freeswitch_ports=notes.freeswitch_ports,
            http_ports=notes.http_ports,
        )
        for ward, every_s in self._wards if watching else ():
            self._watches.append(asyncio.create_task(watch(ward, every_s=every_s)))
        self._gates = SwitchGate.of(self.settings, self._any_worker_ready)
        self._watches += [asyncio.create_task(gate.watch()) for gate in self._gates]

    async def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, then stop: workers drain first. Meanwhile spare
        workers are kept loaded."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        starting = asyncio.create_task(self.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await starting
                assert self._spares is not None
                self._spares.start()
            await stopping
        finally:
            stopping.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Stop everything: the workers, all at once, then what they need."""
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self._watches.clear()
        await asyncio.gather(*(gate.shut() for gate in self._gates))
        if self._spares is not None:
            await self._spares.close()
        workers = [ward for ward, _ in self._wards if isinstance(ward, WorkerProcess)]
        await asyncio.gather(*(ward.stop() for ward in workers), return_exceptions=True)
        for ward, _ in reversed(self._wards):
            if not isinstance(ward, WorkerProcess):
                with contextlib.suppress(Exception):
                    await ward.stop()
        self._wards.clear()
        remove_notes(self.settings.var_dir)

    async def _start_neighbours(self, flows: Sequence[Flow]) -> None:
        settings = self._settings
        var = settings.var_dir
        _make_folder(var)
        changes: dict[str, object] = {}
        starting: list[tuple[Ward, float]] = []
        postgres = redis = None
        if settings.database_url is None:
            postgres = EmbeddedPostgres(var / "postgres", env=settings.env)
            starting.append((EmbeddedServer("postgres", postgres, deadline_s=2.0), 0.5))
        if settings.redis_url is None:
            redis = EmbeddedRedis(var / "redis", env=settings.env)
            starting.append((EmbeddedServer("redis", redis, deadline_s=1.0), 0.3))
        bank = None
        asked = {name for flow in flows for name in flow.integrations}
        unknown = sorted(asked - settings.integrations.keys())
        if settings.env != "production" and unknown:
            # What nobody has told us of is the example's.
            bank = BankProcess()
            starting.append((bank, 1.0))
        self._progress("PostgreSQL, Redis, speech synthesis")
        self._wards.extend(starting)
        neighbours = asyncio.gather(*(ward.start() for ward, _ in starting))
        engines, _ = await asyncio.gather(self._start_engines(), neighbours)
        changes["synthesis_engines"], changes["synthesis_url"] = engines[:-1], engines[-1]
        if postgres is not None:
            changes["database_url"] = SecretStr(postgres.url)
        if redis is not None:
            changes["redis_url"] = SecretStr(redis.url)
            if settings.caller_key is None:
                changes["caller_key"] = SecretStr(token_hex(32))
        if bank is not None:
            changes["integrations"] = settings.integrations | dict.fromkeys(unknown, bank.url)
        self.settings = settings.model_copy(update=changes)
        database = self.settings.database_url
        if database is not None:
            await asyncio.to_thread(apply_schema, database.get_secret_value())

    async def _start_engines(self) -> tuple[str, ...]:
        """Where the speech engines are, in their order."""
        settings = self._settings
        engines = (*settings.synthesis_engines, settings.synthesis_url or LAST)
        processes, addresses = await start_engines(engines, settings.synthesis_models)
        self._wards.extend((process, 0.3) for process in processes)
        return addresses

    async def _start_workers(self) -> None:
        self._progress(f"{self._settings.workers} worker(s): recognition, understanding")
        settings = self.settings
        nobody = settings.model_copy(update={"worker_name": "loading"})
        self._spares = spares = SpareWorkers(
            nobody.as_environment(), settings.spare_workers, self._worker_log
        )
        wards = [self._worker(number, spares) for number in range(settings.workers)]
        self._wards.extend((ward, 0.2) for ward in wards)
        await asyncio.gather(*(ward.start() for ward in wards))

    async def _any_worker_ready(self) -> bool:
        asked = (
            status_of(self.settings.host, port, "/ready", _READY_WITHIN_S)
            for port in self._ports.http
        )
        return HTTPStatus.OK in await asyncio.gather(*asked)

    def _worker(self, number: int, spares: SpareWorkers) -> WorkerProcess:
        settings = self.settings
        name = f"worker-{number}"
        ports = self._ports.of_worker(number)
        mine = settings.model_copy(update={"worker_name": name, **ports})
        return WorkerProcess(
            name,
            settings.host,
            self._ports.http[number],
            mine.as_environment(),
            spares,
            stop_s=settings.drain_s + 8.0,
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write-probe"
        try:
            probe.write_bytes(b"x" * 4096)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_use(folder, error) from None
