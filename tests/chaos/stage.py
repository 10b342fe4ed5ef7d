"""Where it takes place: a recorded counter, a relay of real processes, terminals each on a way of its own that can be cut."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from relay.counter.port import Mode
from tests.chaos.counter_record import RecordedCounter
from tests.chaos.crowd import Crowd
from tests.chaos.plan import Shape
from tests.chaos.records import Disturbances
from tests.chaos.seat import Seat
from tests.e2e.broken_network import Way, way_to
from tests.e2e.relay_pair import SECRETS_KEY
from tests.e2e.relay_process import RelayProcess, TlsFiles
from tests.e2e.site import INVESTORS, register
from tests.e2e.test_workers import alive, children_of, is_free
from tests.ports import unused_port
from tests.postgres import PostgresServer

WORKERS = 2
RELAYS = {Shape.WORKERS: 1, Shape.SINGLE: 1, Shape.PAIR: 2}
_MODES = {Shape.WORKERS: Mode.MANY_TO_MANY, Shape.SINGLE: Mode.MANY_TO_ONE, Shape.PAIR: Mode.MANY_TO_MANY}
_DISK = "512m"
"""more than an hour of orders fills, and less than the disk_full fault takes a second to fill"""
_BOUNDS_OF_STRANGERS = (
    "listen__connections_per_second",
    "listen__connections_per_second_per_address",
    "listen__max_connections_without_session",
    "listen__max_connections_without_session_per_address",
    "listen__max_streams_without_session",
    "listen__max_streams_without_session_per_address",
)
_BOUNDS_OF_SESSIONS = ("sessions__max_per_process", "sessions__max_per_investor")
_BALANCER = """\
defaults
    mode tcp
    timeout connect 5s
    timeout client 90s
    timeout server 90s
    retries 3
    option redispatch 1
listen terminals
    bind 127.0.0.1:{port}
    balance roundrobin
{servers}"""


@dataclass(frozen=True)
class Scale:
    """How much of it."""

    seats: int = 6
    pace: float = 0.3
    """mean seconds between two orders of a seat"""
    investors: int = 3
    crowd: int = 0
    """terminals that log in and order nothing, in many-to-one"""


@dataclass
class Stage:
    """All that a fault may touch."""

    shape: Shape
    counter: RecordedCounter
    relays: list[RelayProcess]
    seats: list[Seat]
    postgres: PostgresServer | None
    crowd: Crowd
    left: list[str]
    """what was wrong with its end, and what it left behind"""
    disturbed: Disturbances = field(default_factory=Disturbances)
    skipped: set[str] = field(default_factory=set)
    """faults that cannot be made here"""
    operating: asyncio.Lock = field(default_factory=asyncio.Lock)
    """held by whoever starts a relay"""
    ended: int = 0
    """how often a relay ended by itself: one whose worker was killed before it served does, and one without its database"""

    @property
    def relay(self) -> RelayProcess:
        """Any of them: what is asked of it is the same at each."""
        return self.relays[0]

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def ways(self) -> list[Way]:
        """Of each seat, and the crowd's."""
        return [*(seat.way for seat in self.seats), self.crowd.way]

    def processes(self) -> list[int]:
        """The relays' own: the supervisor and what workers it has now, or each relay's one."""
        own = [relay.pid for relay in self.relays]
        if self.shape is Shape.WORKERS:
            own += sorted(pid for pid in children_of(self.relay.pid) if _runs(pid, "relay.workers.worker"))
        return own

    async def keep(self) -> None:
        """As a service manager does: what ended by itself is started again."""
        while True:
            await asyncio.sleep(0.5)
            async with self.operating:
                for relay in self.relays:
                    if relay.status() is not None:
                        self.ended += 1
                        self.broke()
                        await start_again(relay)

    def broke(self, since: float = -1.0) -> None:
        """Connections to the counter break now, or since then nothing came through."""
        self.disturbed.breaks.append((since if since >= 0 else self.now, self.now))

    def away(self, since: float) -> None:
        """From then until now nothing could be written."""
        self.disturbed.away.append((since, self.now))

    def killed(self) -> None:
        """A process is killed now."""
        self.disturbed.kills.append(self.now)
        self.broke()


@asynccontextmanager
async def stage_at(
    place: Path, shape: Shape, seed: int, scale: Scale, tls: TlsFiles, postgres: PostgresServer | None, broken: str = ""
) -> AsyncIterator[Stage]:
    """Everything is up and each seat tries to log in; ended in order, and what must not be left is looked for."""
    left: list[str] = []
    async with AsyncExitStack() as stack:
        counter = RecordedCounter.made(place)
        await stack.enter_async_context(counter.counter)
        relays = _relays(place, shape, counter, tls, postgres, scale)
        imports = str(_breaking(place, broken)) if broken else ""
        for relay in relays:
            relay.imports_first = imports
        if shape is Shape.SINGLE:
            small_disk(stack, relays[0].state_dir)
        _registered(relays, postgres)
        for relay in relays:
            await relay.start(await_operator=False)
            stack.push_async_callback(_stopped, relay, left)
        port = relays[0].port
        if shape is Shape.PAIR:
            port = stack.enter_context(balanced([relay.port for relay in relays], place))
        seats = [await _seat(stack, number, port, tls, seed, scale) for number in range(scale.seats)]
        crowd_way = await stack.enter_async_context(way_to(port))
        crowd = Crowd.made(crowd_way, tls.authority.read_bytes(), scale.crowd, seed)
        stage = Stage(shape, counter, relays, seats, postgres, crowd, left)
        sitting = [asyncio.ensure_future(one) for one in (stage.keep(), crowd.sit(), *(seat.sit() for seat in seats))]
        stack.push_async_callback(_gone, sitting)
        yield stage


def _relays(
    place: Path, shape: Shape, counter: RecordedCounter, tls: TlsFiles, postgres: PostgresServer | None, scale: Scale
) -> list[RelayProcess]:
    settings: dict[str, object] = {
        "limits__orders_per_day_per_investor": 1_000_000,
        "limits__orders_per_day": 1_000_000,
        "counter__login_timeout_seconds": 3.0,
        "sessions__journal_bytes": 512 * 1024,
        "watch__disk_low_megabytes": 8,
        "watch__disk_full_megabytes": 1,
    }
    if postgres is not None:
        settings["ledger__url"] = postgres.new_database()
    if scale.crowd:
        settings |= dict.fromkeys(_BOUNDS_OF_STRANGERS, 2 * scale.crowd)
        settings |= dict.fromkeys(_BOUNDS_OF_SESSIONS, scale.crowd + scale.seats)
    if shape is Shape.WORKERS:
        settings["relay__workers"] = WORKERS
    made = []
    for number in range(1, RELAYS[shape] + 1):
        own = settings | {"listen__address": f"127.0.0.1:{unused_port()}", "relay__name": f"relay-{number}"}
        made.append(RelayProcess(place / f"relay-{number}", _MODES[shape], counter.counter.address, tls, own))
    return made


def _registered(relays: Sequence[RelayProcess], postgres: PostgresServer | None) -> None:
    """The terminals, in the one directory that all relays have; and what another relay needs to read it."""
    first, *others = relays
    if postgres is not None:
        first.command("database", "upgrade").check_returncode()
    register(first)
    for other in others:
        other.state_dir.mkdir(mode=0o700)
        shutil.copy2(first.state_dir / SECRETS_KEY, other.state_dir / SECRETS_KEY)


@contextmanager
def balanced(ports: Sequence[int], place: Path) -> Iterator[int]:
    """HAProxy in front of them: each connection to the next that listens; its port."""
    port, config = unused_port(), place / "haproxy.cfg"
    servers = "".join(f"    server relay{at} 127.0.0.1:{at} check inter 200ms fall 1 rise 1\n" for at in ports)
    config.write_text(_BALANCER.format(port=port, servers=servers), encoding="utf-8")
    with subprocess.Popen([_haproxy(), "-f", str(config)], stderr=subprocess.DEVNULL) as running:
        try:
            yield port
        finally:
            running.terminate()


def _haproxy() -> str:
    program = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin")
    if program is None:
        raise SystemExit("HAProxy is not installed: apt-get install haproxy")
    return program


async def _seat(stack: AsyncExitStack, number: int, port: int, tls: TlsFiles, seed: int, scale: Scale) -> Seat:
    way = await stack.enter_async_context(way_to(port))
    investor = INVESTORS[number % scale.investors]
    return Seat(f"seat{number}", investor, way, tls, random.Random(f"{seed} {number}"), scale.pace)


def small_disk(stack: AsyncExitStack, state_dir: Path) -> None:
    """Give the relay a file system of its own, where one may be mounted."""
    state_dir.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0700", "tmpfs", str(state_dir)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        stack.callback(subprocess.run, ["umount", "-l", str(state_dir)], check=True)


def _breaking(place: Path, broken: str) -> Path:
    """A folder that each process of the relay imports from first: it breaks one protection in each of them."""
    folder = place / "imports"
    folder.mkdir()
    own = f"from ctpabi import locale\nlocale.ensure()\nfrom tests.chaos import breaks\nbreaks.BREAKS[{broken!r}].apply()\n"
    (folder / "sitecustomize.py").write_text(own, encoding="utf-8")
    return folder


async def until(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it held before they were over."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


async def start_again(relay: RelayProcess) -> None:
    """Returns when it serves; or does not, on a machine that is too slow or without its database: `keep` goes on then."""
    with suppress(AssertionError):
        await relay.start(await_operator=False)


def _runs(pid: int, module: str) -> bool:
    with suppress(OSError):
        return module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


async def _gone(sitting: Sequence[asyncio.Future[None]]) -> None:
    for one in sitting:
        one.cancel()
    await asyncio.gather(*sitting, return_exceptions=True)


async def _stopped(relay: RelayProcess, left: list[str]) -> None:
    everyone = {relay.pid, *children_of(relay.pid)}
    port = relay.port
    code = await relay.stop()
    wrong = {
        f"the relay ended with {code}": code != 0,
        "processes are left": alive(everyone) != set(),
        f"port {port} is not free": not is_free(port),
        "flow folders are left": any((relay.state_dir / "flow").glob("process-*")),
    }
    left += [words for words, is_so in wrong.items() if is_so]


@dataclass(frozen=True, slots=True)
class Held:
    """What the relay's processes hold, all together."""

    processes: int
    threads: int
    descriptors: int
    flow_folders: int
    megabytes: int
    """resident"""


def held(stage: Stage) -> Held:
    pids = [pid for pid in stage.processes() if Path(f"/proc/{pid}/status").exists()]
    status = "".join(Path(f"/proc/{pid}/status").read_text(encoding="ascii") for pid in pids)
    lines = [line.split() for line in status.splitlines()]

    def total(name: str) -> int:
        return sum(int(line[1]) for line in lines if line[0] == name)

    descriptors = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)  # noqa: PTH208
    folders = sum(len(list((relay.state_dir / "flow").glob("process-*"))) for relay in stage.relays)
    return Held(len(pids), total("Threads:"), descriptors, folders, total("VmRSS:") // 1024)
