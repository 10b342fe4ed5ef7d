"""How a running relay is, in one message: what `ctp-relay status` and the console's overview show."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import platform
import resource
import socket
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ctprelay.v1 import admin_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.admin.person import Person
from relay.admin.reads import ReadEntries
from relay.admin.session_views import Clock
from relay.admin.steering import log_level
from relay.admission.login_guard import LoginGuard
from relay.counter.counter_library import CounterLibrary
from relay.counter.market_port import FeedKind
from relay.counter.port import CounterDescription, LinkState, SteeredCounter
from relay.faults.faults import Faults, StandingFault
from relay.faults.table import Gravity
from relay.ledger.ledger import Ledger
from relay.market_data.hub import MarketHub
from relay.outside_text import shown
from relay.sessions import frames
from relay.sessions.login_pause import PausedLogins
from relay.sessions.sessions import Sessions
from relay.settings.settings import Settings

Figures = Callable[[], Iterable[pb.Figure]]
"""every reading that /metrics has"""
_PACKAGES = ("ctp-relay", "openctp-ctp", "grpcio", "protobuf", "sqlalchemy", "cryptography")


@dataclass(frozen=True, slots=True)
class Seen:
    """The parts of a running relay that its status is read from."""

    settings: Callable[[], Settings]
    number: int
    started_at: dt.datetime
    sessions: Sessions
    counter: SteeredCounter
    ledger: Ledger
    guard: LoginGuard
    faults: Faults
    figures: Figures
    readiness: Callable[[], Mapping[str, object]]
    """what /readyz answers"""
    certificate_until: Callable[[], dt.datetime | None]
    market: MarketHub | None = None


class StatusView:
    """For the loop; what it reads is in memory."""

    def __init__(self, seen: Seen, reads: ReadEntries, clock: Clock) -> None:
        self._of = seen
        self._reads = reads
        self._clock = clock
        self._versions = _versions()
        self._user = _user()

    async def now(self, by: Person) -> pb.RelayStatus:
        """Raises RoleTooLow."""
        await self._reads.ask(by, "status")
        at, of = self._clock(), self._of
        settings, situation = of.settings(), of.counter.situation()
        queues = [session.queues for session in of.sessions]
        return pb.RelayStatus(
            relay=settings.relay.name,
            relay_number=of.number,
            mode=settings.relay.mode,
            broker_id=settings.counter.broker_id,
            relay_app_id=settings.counter.relay_app_id,
            at=_iso(at),
            process=self._process(at),
            readiness=self._readiness(),
            counter=self._counter(at),
            trading_day=situation.trading_day,
            sessions=self._sessions(settings),
            paused=pause_message(of.sessions.paused),
            ledger=self._ledger(at),
            locks=len(of.guard.locks()),
            certificate=self._certificate(at),
            faults=[fault_message(fault) for fault in of.faults.now()],
            figures=of.figures(),
            log_level=log_level(),
            calls_waiting=sum(one.calls for one in queues),
            queued_bytes=sum(one.bytes for one in queues),
            orders_today=of.counter.orders_today,
            orders_per_day=settings.limits.orders_per_day,
            market_data=market_data_state(of.market),
        )

    def _process(self, at: dt.datetime) -> pb.ProcessState:
        resident, files, most = _resources()
        return pb.ProcessState(
            pid=os.getpid(),
            started_at=_iso(self._of.started_at),
            uptime_seconds=(at - self._of.started_at).total_seconds(),
            host=socket.gethostname(),
            user=self._user,
            versions=[pb.NamedVersion(name=name, version=text) for name, text in self._versions],
            resident_bytes=resident,
            open_files=files,
            open_files_limit=most,
        )

    def _readiness(self) -> pb.Readiness:
        said = self._of.readiness()
        reason, message, advice = (shown(str(said.get(name, ""))) for name in ("reason", "message", "advice"))
        return pb.Readiness(
            ready=bool(said["ready"]),
            draining=self._of.sessions.draining,
            reason=reason,
            code=int(str(said.get("code", 0))),
            message=message,
            advice=advice,
        )

    def _counter(self, at: dt.datetime) -> pb.CounterState:
        how, offered = self._of.counter.situation(), self._of.counter.describe()
        since = at - dt.timedelta(seconds=how.seconds) if how.seconds else self._of.started_at
        return pb.CounterState(
            state=how.state,
            since=_iso(since),
            why=shown(how.why),
            user_id=how.user_id,
            fronts=how.fronts,
            sessions=how.sessions,
            live=how.live,
            system=offered.system,
            interface_version=offered.version,
            exchanges=[one.code for one in offered.exchanges],
            library=_library(offered.library),
            described=described(offered),
        )

    def _sessions(self, settings: Settings) -> pb.SessionCounts:
        present = list(self._of.sessions)
        counts = Tally(_kind_of(one.linger_left is not None, one.activity.link) for one in present)
        return pb.SessionCounts(
            total=len(present),
            live=counts["live"],
            recovering=counts["recovering"],
            lingering=counts["lingering"],
            logging_in=self._of.sessions.logging_in,
            most=settings.max_sessions,
            investors=len({one.identity.investor for one in present}),
        )

    def _ledger(self, at: dt.datetime) -> pb.LedgerState:
        known, oldest = self._of.ledger.statistics(), self._of.ledger.oldest_waiting
        lag = 0.0
        with suppress(ValueError):
            lag = max(0.0, (at - dt.datetime.fromisoformat(oldest)).total_seconds())
        return pb.LedgerState(
            committed=known["committed"],
            waiting=known["waiting"],
            spooled=known["spooled"],
            failed=known["failed"],
            lost=known["lost"],
            lag_seconds=lag,
        )

    def _certificate(self, at: dt.datetime) -> pb.CertificateState | None:
        until = self._of.certificate_until()
        if until is None:
            return None
        days = (until - at).total_seconds() / 86400
        return pb.CertificateState(valid_until=_iso(until.astimezone(at.tzinfo)), days_left=days)


def described(offered: CounterDescription) -> terminal_pb2.CounterDescription:
    """What the counter offers, without what is an investor's."""
    message = frames.description(offered)
    message.ClearField("accounts")
    message.ClearField("not_offered")
    return message


def market_data_state(market: MarketHub | None) -> pb.MarketDataState | None:
    """How it is; None where there is none."""
    if market is None:
        return None
    return pb.MarketDataState(
        live=market.state.live,
        why=market.state.reason,
        fronts=market.fronts,
        readers=market.readers,
        depths=market.book.count(FeedKind.DEPTH),
        quote_requests=market.book.count(FeedKind.QUOTE_REQUESTS),
        received=market.received,
        sent=market.sent,
        passed_over=market.passed_over,
        library=_library(market.library),
    )


def _library(library: CounterLibrary | None) -> pb.CounterLibrary | None:
    if library is None:
        return None
    return pb.CounterLibrary(
        binding=library.binding,
        binding_version=library.binding_version,
        file=shown(library.file),
        version=shown(library.version),
        sha256=library.sha256,
    )


def pause_message(paused: PausedLogins | None) -> pb.LoginPause:
    """Whether new logins are paused, and by whom."""
    if paused is None:
        return pb.LoginPause()
    return pb.LoginPause(
        paused=True,
        since=_iso(paused.since),
        by=paused.by,
        reason=paused.reason,
        public_reason=paused.public_reason,
    )


def fault_message(stands: StandingFault) -> pb.Fault:
    """A fault that stands."""
    fault = stands.fault
    return pb.Fault(
        kind=fault.word,
        title=pb.Words(zh=fault.title[0], en=fault.title[1]),
        why=shown(stands.why),
        advice=pb.Words(zh=fault.remedy[0], en=fault.remedy[1]),
        since=_iso(stands.since),
        grave=fault.gravity is Gravity.CRITICAL and not stands.in_doubt,
        facts={name: shown(str(value)) for name, value in stands.facts.items()},
    )


def _kind_of(lingers: bool, link: LinkState) -> str:
    if lingers:
        return "lingering"
    return "live" if link is LinkState.LIVE else "recovering"


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def _versions() -> list[tuple[str, str]]:
    found = [("python", platform.python_version())]
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return found


def _resources() -> tuple[int, int, int]:
    """Bytes resident, files open, and how many may be; 0 where the system does not say."""
    resident = files = 0
    with suppress(OSError, ValueError, IndexError):
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return resident, files, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
