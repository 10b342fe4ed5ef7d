"""The supervisor: it listens, starts the workers, starts one that ended again, and ends them all. It serves no terminal itself.

Nothing of the vendor's is loaded here, and no database is opened. What it holds, in the order in which it is taken: the lock
of the state directory, the ports, the workers, and the doors at which the relay as a whole is asked. All of it is given back in
the other order, by the kernel too: a supervisor that is killed leaves no port, and its workers end by themselves
(`relay.edge.handed`). What those leave of flow files is swept by the next start, or here at the end.

A start is one of all workers: where one ends before it has served, the supervisor ends. From then on a worker that ends is
started again, for as long as the relay runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from relay.counter.ctp.session.flow_folders import sweep_folders
from relay.database.state_lock import AlreadyRunning, StateLock
from relay.event_loop import run_loop, settle_heap
from relay.logs import logs
from relay.process_privacy import make_private
from relay.reloading import Load
from relay.rpc import control
from relay.rpc.admin_port import AdminPort
from relay.settings import file as settings_file
from relay.settings.file import SettingsInvalid
from relay.settings.settings import Settings
from relay.stop_signals import stop_asked
from relay.succession import refuse, why_no_succession
from relay.systemd import SystemdNotices
from relay.tasks import Tasks
from relay.workers.everyone import Everyone
from relay.workers.monitor import WorkersMonitor
from relay.workers.reception import Reception
from relay.workers.worker_process import WorkerProcess, WorkerState
from relay.workers.worker_settings import worker_dir

_log = structlog.get_logger(__name__)
_EARLIER_SECONDS = 70.0
"""how long the workers of a supervisor that was killed may take to end"""
_LOOP_SECONDS = 2.0


def run(settings: Settings, config: Path, load: Load, note: Callable[[], object] = lambda: None) -> None:
    """Supervise until SIGINT or SIGTERM; a second signal ends all workers at once. SIGHUP reloads everywhere.

    `note` writes what was found before into the log. Raises SystemExit with a line in the log where the relay cannot run.
    """
    make_private(core_dumps=settings.relay.core_dumps)
    systemd = SystemdNotices.of_environment(os.environ, os.getpid())
    said = settings.log
    with logs.configure(level=said.level, form=said.format, language=said.language):
        logs.catch_what_python_prints()
        note()
        for number in (signal.SIGHUP, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)  # until it is listened to: its default would end the process
        supervisor = Supervisor(settings, config, load, systemd)
        try:
            run_loop(systemd.watch(supervisor.run()))
        except OSError as error:
            _log.critical("relay_cannot_run", why=str(getattr(error, "why", error)))
            raise SystemExit(1) from None
        if supervisor.failed:
            raise SystemExit(1)


class Supervisor:
    """For the loop."""

    def __init__(self, settings: Settings, config: Path, load: Load, systemd: SystemdNotices) -> None:
        self.failed = False
        """whether a worker ended before it ever served"""
        self._settings = settings
        self._config = config
        self._load = load
        self._systemd = systemd
        self._workers: dict[int, WorkerProcess] = {}
        self._port: AdminPort | None = None
        self._stop = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> None:
        """From the lock to the end of the last worker. Raises OSError where the relay cannot run."""
        async with contextlib.AsyncExitStack() as stack:
            await self._take_place(stack)
            reception = Reception()
            stack.callback(reception.close)
            ports = reception.listen(self._settings)
            numbers = range(1, self._settings.relay.workers + 1)
            self._workers |= {number: WorkerProcess(number, self._config, ports) for number in numbers}
            stack.push_async_callback(self._tasks.cancel)
            everyone = await self._open_doors(stack)
            async with stop_asked(self._hang_up, self._stop, self._stay):
                stack.push_async_callback(self._end, reception)
                self._start(everyone)
                reception.open(self._workers)
                if await self._all_served():
                    settle_heap()
                    _log.info("relay_ready", port=ports["listen.address"], workers=len(self._workers))
                    self._systemd.status = self._status_line
                    self._systemd.say_ready()
                    await self._stop.wait()

    async def _take_place(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises AlreadyRunning where another relay is at work here; waits for workers that have lost their supervisor."""
        state_dir = self._settings.relay.state_dir
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(StateLock(state_dir / "relay.lock", f"the state directory {state_dir}"))
        stack.callback(sweep_folders, settings_file.flow_dir(self._settings))
        until = asyncio.get_running_loop().time() + _EARLIER_SECONDS
        for place in state_dir.glob("worker-*"):
            while not _is_free(place, last_try=asyncio.get_running_loop().time() > until):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)

    async def _open_doors(self, stack: contextlib.AsyncExitStack) -> Everyone:
        """The control socket, the admin port and the monitor's, each for all workers."""
        settings = self._settings
        everyone = Everyone(lambda: self._settings, self._workers, self._stop.set, self._reload)
        stack.push_async_callback(everyone.close)
        served = await control.listen(settings_file.control_socket(settings), everyone)
        if served is not None:
            stack.push_async_callback(served.stop)
        if settings.admin.address is not None:
            self._port = AdminPort(settings.admin, everyone)
            await self._port.start()
            stack.push_async_callback(self._port.stop)
        if settings.metrics.address is not None:
            monitor = WorkersMonitor(settings, self._workers, _healthy(asyncio.get_running_loop(), self._stop))
            server = monitor.server(settings.metrics.address)
            server.start()
            stack.push_async_callback(asyncio.to_thread, server.stop)
        return everyone

    def _start(self, everyone: Everyone) -> None:
        for worker in self._workers.values():
            worker.on_ready = lambda one: self._tasks.start(self._let_in(everyone, one), "open a worker")
            worker.on_told = self._pass_on
            worker_dir(self._settings, worker.number).mkdir(exist_ok=True, mode=0o700)
            keeping = self._tasks.start(worker.keep(), f"worker {worker.number}")
            keeping.add_done_callback(lambda _: self._ended_early())

    def _pass_on(self, said_by: WorkerProcess, what: bytes) -> None:
        for worker in self._workers.values():
            if worker is not said_by:
                worker.tell(what)

    def _ended_early(self) -> None:
        """A worker is kept no more: of itself only where it never served."""
        if not self._stop.is_set():
            self.failed = True
            self._stop.set()

    async def _let_in(self, everyone: Everyone, worker: WorkerProcess) -> None:
        process = worker.pid
        await everyone.pause_again(worker)
        worker.open(process)
        _log.info("worker_serves", number=worker.number, pid=worker.pid, starts=worker.starts)

    async def _all_served(self) -> bool:
        stopped = self._tasks.start(self._stop.wait(), "stop asked")
        for worker in self._workers.values():
            served = self._tasks.start(worker.served.wait(), "worker served")
            await asyncio.wait({stopped, served}, return_when=asyncio.FIRST_COMPLETED)
        return not self._stop.is_set()

    async def _end(self, reception: Reception) -> None:
        """Take no more terminals, and end every worker in order."""
        seconds = self._settings.relay.drain_seconds
        self._stop.set()
        self._systemd.say_stopping(seconds)
        reception.close()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hurry)
        await asyncio.gather(*(worker.stop(seconds) for worker in self._workers.values()))

    def _hurry(self) -> None:
        for worker in self._workers.values():
            worker.hurry()

    def _hang_up(self) -> None:
        for worker in self._workers.values():
            worker.reload()
        self._tasks.start(self._reload(), "reload")

    def _stay(self) -> None:
        """The command may not know of the workers: `serve --workers` stands in no file."""
        refuse(self._settings, why_no_succession(self._settings))

    async def _reload(self) -> None:
        """What of the settings is the supervisor's own; the workers read theirs themselves."""
        with self._systemd.reloading():
            try:
                new = await asyncio.to_thread(self._load)
                logs.set_level(new.log.level)
                if self._port is not None:
                    self._port.take_roles(new)
                    await asyncio.to_thread(self._port.take_certificate, new)
            except (SettingsInvalid, OSError) as error:
                _log.error("settings_not_reloaded", problems=getattr(error, "problems", [str(error)]))
                return
            relay = self._settings.relay.model_copy(update={"drain_seconds": new.relay.drain_seconds})
            self._settings = self._settings.model_copy(update={"relay": relay})

    def _status_line(self) -> str:
        """For `systemctl status`."""
        serving = sum(one.state is WorkerState.SERVING for one in self._workers.values())
        each = "; ".join(f"{one.number}: {one.status or one.state.value}" for one in self._workers.values())
        return f"{serving} of {len(self._workers)} workers serve: {each}"


def _is_free(place: Path, *, last_try: bool) -> bool:
    """The last try raises AlreadyRunning."""
    try:
        with StateLock(place / "relay.lock", str(place)):
            return True
    except AlreadyRunning:
        if last_try:
            raise
        return False


def _healthy(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Callable[[], str]:
    def why_not() -> str:
        heard = threading.Event()
        try:
            loop.call_soon_threadsafe(heard.set)
        except RuntimeError:
            return "stopped"
        if not heard.wait(_LOOP_SECONDS):
            return f"stuck: the supervisor's loop does not answer within {_LOOP_SECONDS:g} s"
        return "draining" if stop.is_set() else ""

    return why_not
