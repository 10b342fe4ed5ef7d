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
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from relay.counter.ctp.session.flow_folders import sweep_folders
from relay.database.berth import Berth, berths, take_berth
from relay.database.state_lock import AlreadyRunning, StateLock
from relay.event_loop import run_loop, settle_heap
from relay.logs import logs
from relay.process_privacy import make_private
from relay.reloading import Load
from relay.rpc import control
from relay.rpc.admin_port import AdminPort
from relay.settings import file as settings_file
from relay.settings.file import SettingsInvalid
from relay.settings.secret_files import SecretFileRefused
from relay.settings.settings import Settings
from relay.stop_signals import stop_asked
from relay.succession import Inheritance, OperatorPorts, Succession
from relay.systemd import SystemdNotices
from relay.tasks import Tasks
from relay.workers.crashes import WorkerCrashes
from relay.workers.everyone import Everyone
from relay.workers.monitor import WorkersMonitor
from relay.workers.reception import Reception
from relay.workers.worker_process import WorkerProcess, WorkerState
from relay.workers.worker_settings import WorkerPlace, worker_dir

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
        inherited = Inheritance.of_environment(os.environ, (sys.stdout, sys.stderr))
        supervisor = Supervisor(settings, config, load, systemd, inherited)
        try:
            run_loop(systemd.watch(supervisor.run()))
        except OSError as error:
            _log.critical("relay_cannot_run", why=str(getattr(error, "why", error)))
            raise SystemExit(1) from None
        if supervisor.failed:
            raise SystemExit(1)


class Supervisor:
    """For the loop."""

    def __init__(
        self, settings: Settings, config: Path, load: Load, systemd: SystemdNotices, inherited: Inheritance
    ) -> None:
        self.failed = False
        """whether a worker ended before it ever served"""
        self._settings = settings
        self._config = config
        self._load = load
        self._systemd = systemd
        self._inherited = inherited
        self._succession: Succession | None = None
        self._workers: dict[int, WorkerProcess] = {}
        self._crashes = WorkerCrashes(settings, self._workers)
        self._port: AdminPort | None = None
        self._stop = asyncio.Event()
        self._tasks = Tasks()

    async def run(self) -> None:
        """From the lock to the end of the last worker. Raises OSError where the relay cannot run."""
        async with contextlib.AsyncExitStack() as stack:
            second = await self._take_place(stack)
            reception = Reception()
            stack.callback(reception.close)
            at = reception.listen(self._settings, self._inherited.listening)
            places = [WorkerPlace(number, second) for number in range(1, self._settings.relay.workers + 1)]
            self._workers |= {place.number: WorkerProcess(place, self._config, at) for place in places}
            stack.push_async_callback(self._tasks.cancel)
            stack.push_async_callback(asyncio.to_thread, self._crashes.close)
            self._tasks.start(self._crashes.settle(), "settle faults")
            everyone = Everyone(lambda: self._settings, self._workers, self._stop.set, self._reload, self._crashes)
            stack.push_async_callback(everyone.close)
            ports = OperatorPorts(functools.partial(self._open_doors, everyone))
            stack.push_async_callback(ports.close)
            self._succession = Succession(self._settings, reception, ports, self._systemd, self._inherited.output)
            async with stop_asked(self._hang_up, self._stop, self._be_replaced):
                stack.push_async_callback(self._end, reception)
                if await self._begin(everyone, ports, reception):
                    settle_heap()
                    _log.info("relay_ready", port=at["listen.address"], workers=len(self._workers))
                    self._systemd.status = self._status_line
                    self._systemd.say_ready()
                    await self._stop.wait()

    async def _begin(self, everyone: Everyone, ports: OperatorPorts, reception: Reception) -> bool:
        """Have all workers serve; false where the relay is to end instead. Beside another generation one comes up at a time."""
        beside = self._inherited.beside
        if not beside:
            await ports.open()
            reception.open(self._workers)
        for worker in self._workers.values():
            self._start(everyone, worker)
            if beside:
                await self._served(worker)
        for worker in self._workers.values():
            await self._served(worker)
        if self._stop.is_set():
            return False
        if beside:
            await self._inherited.take_over()
            await ports.open()
            reception.open(self._workers)
            await self._inherited.say_serving()
        return True

    async def _take_place(self, stack: contextlib.AsyncExitStack) -> bool:
        """Whether it is the second one that there is beside a generation that still drains.

        Raises AlreadyRunning where another relay is at work here; waits for workers that have lost their supervisor.
        """
        state_dir, beside = self._settings.relay.state_dir, self._inherited.beside
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        berth = take_berth(state_dir, succeeds=beside, stack=stack)
        stack.callback(sweep_folders, settings_file.flow_dir(self._settings))
        until = asyncio.get_running_loop().time() + _EARLIER_SECONDS
        earlier = [] if beside else [one for place in state_dir.glob("worker-*") for one in berths(place)]
        for place in earlier:
            while not _is_free(place, last_try=asyncio.get_running_loop().time() > until):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.1)
        return berth.own == berths(state_dir)[1]

    async def _open_doors(self, everyone: Everyone, stack: contextlib.AsyncExitStack) -> None:
        """The control socket, the admin port and the monitor's, each for all workers."""
        settings = self._settings
        served = await control.listen(settings_file.control_socket(settings), everyone)
        if served is not None:
            stack.push_async_callback(served.stop)
        if settings.admin.address is not None:
            self._port = AdminPort(settings.admin, everyone)
            await self._port.start()
            stack.push_async_callback(self._port.stop)
        if settings.metrics.address is not None:
            why_not_healthy = _healthy(asyncio.get_running_loop(), self._stop)
            monitor = WorkersMonitor(settings, self._workers, why_not_healthy, self._crashes.faults)
            server = monitor.server(settings.metrics.address)
            server.start()
            stack.push_async_callback(asyncio.to_thread, server.stop)

    def _start(self, everyone: Everyone, worker: WorkerProcess) -> None:
        worker.on_ready = lambda one: self._tasks.start(self._let_in(everyone, one), "open a worker")
        worker.on_told = self._pass_on
        worker.on_crash = lambda _: self._crashes.look()
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
        self._crashes.look()
        _log.info("worker_serves", number=worker.number, pid=worker.pid, starts=worker.starts)

    async def _served(self, worker: WorkerProcess) -> None:
        """Wait until it has, or the relay is to end."""
        stopped = self._tasks.start(self._stop.wait(), "stop asked")
        served = self._tasks.start(worker.served.wait(), "worker served")
        await asyncio.wait({stopped, served}, return_when=asyncio.FIRST_COMPLETED)

    async def _end(self, reception: Reception) -> None:
        """Take no more terminals, and end every worker in order."""
        seconds = self._settings.relay.drain_seconds
        self._stop.set()
        self._systemd.say_stopping(seconds)
        reception.close()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hurry)
        if self._succession is not None and self._succession.done:
            for worker in self._workers.values():
                worker.say_succeeded()
        await asyncio.gather(*(worker.stop(seconds) for worker in self._workers.values()))

    def _hurry(self) -> None:
        for worker in self._workers.values():
            worker.hurry()

    def _hang_up(self) -> None:
        for worker in self._workers.values():
            worker.reload()
        self._tasks.start(self._reload(), "reload")

    def _be_replaced(self) -> None:
        if self._succession is not None:
            self._tasks.start(self._succession.begin(self._stop), "succession")

    async def _reload(self) -> None:
        """What of the settings is the supervisor's own; the workers read theirs themselves."""
        with self._systemd.reloading():
            try:
                new = await asyncio.to_thread(self._load)
                logs.set_level(new.log.level)
                if self._port is not None:
                    self._port.take_roles(new)
                    await asyncio.to_thread(self._port.take_certificate, new)
                await asyncio.to_thread(self._crashes.take, new.alarms)
            except (SettingsInvalid, SecretFileRefused, OSError) as error:
                _log.error("settings_not_reloaded", problems=getattr(error, "problems", [str(error)]))
                return
            relay = self._settings.relay.model_copy(update={"drain_seconds": new.relay.drain_seconds})
            self._settings = self._settings.model_copy(update={"relay": relay})

    def _status_line(self) -> str:
        """For `systemctl status`."""
        serving = sum(one.state is WorkerState.SERVING for one in self._workers.values())
        each = "; ".join(f"{one.number}: {one.status or one.state.value}" for one in self._workers.values())
        return f"{serving} of {len(self._workers)} workers serve: {each}"


def _is_free(place: Berth, *, last_try: bool) -> bool:
    """The last try raises AlreadyRunning."""
    if not place.lock_file.exists():
        return True
    try:
        with StateLock(place.lock_file, str(place.directory)):
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
