"""The composition root: builds the relay from its settings, serves, and takes it down again in the same order.

Read `serve` from top to bottom: what is opened first is closed last.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import os
import signal
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import structlog
from sqlalchemy import Engine

from ctpabi import locale
from ctpabi.api import binding
from ctpabi.locale import LocaleMissing
from relay.admission import verifier as genuineness
from relay.admission.admission import Admission, Directory
from relay.admission.counted import Counted
from relay.admission.known_places import KnownPlaces
from relay.admission.login_guard import LoginGuard
from relay.admission.machines import MachineHistory
from relay.admission.system_info_seen import SystemInfoSeen, kept_for
from relay.admission.verifier import Verifier, VerifierUnavailable
from relay.compiled import choice
from relay.counter.ctp.delivery.day_notices import KnownOwners
from relay.counter.ctp.order_map.file import OrderMapFile
from relay.counter.ctp.order_map.in_database import OrdersInDatabase
from relay.counter.ctp.order_map.relay_numbers import take_number
from relay.counter.ctp.order_map.tables import OrderTables
from relay.counter.port import Counter, Evidence, Mode
from relay.counter_choice import CounterRules, ProcessParts, counter_facts, make_counter, make_market_source, make_parts
from relay.database.berth import Berth, TakenBerth, take_berth
from relay.database.database import open_database, prepare
from relay.database.state_lock import StateLock
from relay.database.times import COUNTER_ZONE
from relay.directory.access import DirectoryAccess
from relay.directory.investors import Investors, kept_known
from relay.directory.known_terminals import KnownTerminals
from relay.directory.terminals import Terminals, open_key
from relay.edge.handed import HandedConnections
from relay.event_loop import run_loop, settle_heap
from relay.hearing import be_watched
from relay.keep_warm.keeping import begun
from relay.ledger.digests import DigestUnavailable, require_digest
from relay.ledger.ledger import Ledger
from relay.ledger.order_trail import open_order_trail
from relay.ledger.spool import Spool
from relay.logs import logs
from relay.logs.native_output import NativeOutput, RealOutput
from relay.market_data.hub import HubSettings, MarketHub
from relay.metrics.watched import Watched
from relay.operating import Operated, open_operator_ports
from relay.process_privacy import make_private
from relay.processors import stay_on
from relay.reloading import Load, Reloading
from relay.rpc.listener import Doors
from relay.running import until_stopped
from relay.sessions.fan_out import FanOut
from relay.sessions.journal import Journal
from relay.sessions.refused_streams import RefusedStreams, shares_of
from relay.sessions.revocations import Revocations
from relay.sessions.sessions import Sessions
from relay.settings import file as settings_file
from relay.settings.settings import CTP, Settings
from relay.succession import Inheritance, OperatorPorts, Succession
from relay.systemd import SystemdNotices
from relay.taking import Taking, admission_rules, book_bounds, session_limits

_log = structlog.get_logger(__name__)

Ready = Callable[[int], object]


def run(
    settings: Settings,
    load: Load,
    note: Callable[[], object] = lambda: None,
    handed: HandedConnections | None = None,
    always: Mapping[str, object] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second signal ends without draining. SIGHUP asks `load` for the settings anew.

    `note` writes what was found before into the log. A worker has `handed`, from its supervisor, and `always` in each line of its
    log. Raises what `settings.file`, `secret_files` and `database` raise, and SystemExit where the machine is not fit.
    """
    make_private(core_dumps=settings.relay.core_dumps)
    stay_on(settings.relay.cpus)
    secrets = settings_file.secrets_of(settings)
    systemd = SystemdNotices.of_environment(os.environ, os.getpid())
    said = settings.log
    with (
        RealOutput() as real,
        logs.configure(
            level=said.level, form=said.format, language=said.language, stream=real.stdout, always=always
        ) as log,
        NativeOutput(real),
    ):
        logs.catch_what_python_prints()
        note()
        _log.info("order_path_chosen", **choice.chosen().as_facts())
        for number in (signal.SIGHUP, signal.SIGUSR2):  # until they are listened to: they would end the process
            signal.signal(number, signal.SIG_IGN)
        try:
            inherited = Inheritance.of_environment(os.environ, (real.stdout, real.stderr))
            inherited.handed = handed
            run_loop(systemd.watch(serve(settings, secrets, log, load, systemd=systemd, inherited=inherited)))
        except (OSError, LocaleMissing, binding.BindingMismatch, VerifierUnavailable, DigestUnavailable) as error:
            _log.critical("relay_cannot_run", why=_why(error))
            raise SystemExit(1) from None


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(getattr(error, "why", error))


async def serve(
    settings: Settings,
    secrets: settings_file.Secrets,
    log: logs.Log,
    load: Load,
    ready: Ready = lambda _: None,
    systemd: SystemdNotices = SystemdNotices(),  # noqa: B008 - one that hears nothing
    inherited: Inheritance | None = None,
) -> None:
    """Build, announce the port, wait for a signal, drain. Raises what makes the relay unfit to start."""
    handed = (inherited := inherited or Inheritance()).handed
    async with contextlib.AsyncExitStack() as stack:
        verifier = await _open_verifier(settings, stack)
        engine, numbers, berth = await _take_place(settings, inherited, stack)
        ledger, directory = _open_databases(settings, engine, berth, stack)
        order_map = _open_order_map(settings, engine, numbers, berth.own, stack)
        await _keep_directory(settings, directory, known := KnownOwners(), stack)
        trail = stack.enter_context(open_order_trail(settings, engine))
        shared = make_parts(settings, numbers[-1], order_map, known, trail, stack)
        counter = make_counter(settings, secrets, ledger, shared, rules := CounterRules(settings))
        sessions, admission, guard = _make_sessions(settings, directory, verifier, counter, ledger, shared, handed)
        await ledger.record("relay_started", "", _started(settings, numbers[-1], counter))
        await stack.enter_async_context(directory.terminals.listened_to(sessions.revocations.look_soon))
        doors = Doors(
            settings,
            sessions,
            ledger,
            directory.places.has_logins,
            market := await _open_market_data(settings, shared, stack),
            handed,
        )
        await stack.enter_async_context(begun(counter, settings, shared, doors.listener.certificates))
        watched = Watched(
            settings.relay.name,
            sessions,
            counter,
            ledger,
            verifier,
            order_map,
            log,
            doors.listener,
            doors.gate,
            shared.alarms,
            shared.faults,
            shared.figures,
            shared.watch,
            shared.clock,
            trail,
            guard.count_locks,
            market=market,
        )
        alarming, watching = await be_watched(settings, engine, shared, watched, stack)
        taking = Taking(
            sessions, admission, guard, counter, rules, doors, alarming, watching, market, _is_ctp(settings)
        )
        reloading = Reloading(settings, load, *taking.rows(), ledger)
        operated = Operated(
            engine,
            numbers[-1],
            watched,
            alarming.recent,
            counter,
            guard,
            reloading,
            stop := asyncio.Event(),
            handed.supervisor if handed is not None else 0,
        )
        succession = await _begin_to_serve(settings, operated, doors, inherited, systemd, ready, stack)
        await until_stopped(reloading, sessions, counter, shared.faults, stop, handed, succession)
        await _end(doors, ledger, sessions)
    await succession.end()


async def _begin_to_serve(
    settings: Settings,
    operated: Operated,
    doors: Doors,
    inherited: Inheritance,
    systemd: SystemdNotices,
    ready: Ready,
    stack: contextlib.AsyncExitStack,
) -> Succession:
    """Take over from the process that is replaced, where there is one; then be there for operators and terminals."""
    ports = OperatorPorts(functools.partial(open_operator_ports, settings, operated))
    stack.push_async_callback(ports.close)
    await inherited.take_over(lambda: operated.counter.why_not_ready is None)
    await ports.open()
    doors.listener.edge.inherited = inherited.listening
    await _open(doors, settings, ready, stack)
    await inherited.say_serving()
    return Succession(settings, doors.listener.edge, ports, systemd, inherited.output)


def _count_together(guard: LoginGuard, handed: HandedConnections | None) -> None:
    """Failed logins are counted for the machine, where it has several workers."""
    if handed is not None:
        guard.tell = lambda counted: handed.tell(counted.packed())
        handed.hear = lambda packet: guard.hear(Counted.unpacked(packet))


async def _end(doors: Doors, ledger: Ledger, sessions: Sessions) -> None:
    await doors.close()
    await sessions.refused.flush()
    await ledger.note("relay_stopped", "", {"sessions": len(sessions)})


async def _open(doors: Doors, settings: Settings, ready: Ready, stack: contextlib.AsyncExitStack) -> None:
    stack.push_async_callback(doors.close)
    settle_heap()
    port = await doors.open()
    _log.info("relay_ready", port=port, mode=settings.relay.mode, tls=settings.listen.tls_certificate is not None)
    ready(port)


async def _open_market_data(
    settings: Settings, parts: ProcessParts, stack: contextlib.AsyncExitStack
) -> MarketHub | None:
    """The market data of this process; None where the settings have none."""
    wanted = settings.market_data
    if not wanted.enabled:
        return None
    hub = MarketHub(
        make_market_source(settings, parts.flow_dir),
        parts.faults,
        HubSettings(book_bounds(settings), wanted.ticks_waiting, wanted.required),
    )
    return await stack.enter_async_context(hub)


async def _take_place(
    settings: Settings, inherited: Inheritance, stack: contextlib.AsyncExitStack
) -> tuple[Engine, tuple[int, ...], TakenBerth]:
    """The ledger's database, the numbers of all that had this berth, this one's last, and the berth. Raises AlreadyRunning."""
    await inherited.await_turn(settings)
    berth = take_berth(settings.relay.state_dir, succeeds=inherited.beside, stack=stack)
    engine = open_database(settings_file.ledger_url(settings))
    stack.callback(engine.dispose)
    if engine.dialect.name == "sqlite":
        file = str(engine.url.database)
        stack.enter_context(StateLock(Path(f"{file}.lock"), f"the database {file}, and SQLite serves one only"))
    prepare(engine)
    return engine, berth.lock.note(take_number(engine)), berth


def _open_order_map(
    settings: Settings, engine: Engine, numbers: tuple[int, ...], berth: Berth, stack: contextlib.AsyncExitStack
) -> OrderMapFile:
    """The order map; where other processes can be reached through the database, it tells them."""
    shared = None
    if engine.dialect.name != "sqlite":
        tables = OrderTables(settings.counter.broker_id, numbers[-1], frozenset(numbers))
        shared = stack.enter_context(OrdersInDatabase(engine, tables))
    order_map = OrderMapFile(berth.order_map, shared)
    stack.callback(order_map.close)
    return order_map


def _open_databases(
    settings: Settings, ledger_engine: Engine, berth: TakenBerth, stack: contextlib.AsyncExitStack
) -> tuple[Ledger, Directory]:
    require_digest(settings.ledger.digest)
    directory_engine, directory_url = ledger_engine, settings_file.directory_url(settings)
    if directory_url != settings_file.ledger_url(settings):
        directory_engine = open_database(directory_url)
        stack.callback(directory_engine.dispose)
        prepare(directory_engine)
    if berth.other.spool(settings.relay.name).exists() and not berth.other_is_used:
        with _ledger(settings, ledger_engine, berth.other):
            pass  # what a process left there that could not write it
    ledger = stack.enter_context(_ledger(settings, ledger_engine, berth.own))
    box = open_key(directory_engine, settings_file.secrets_key_file(settings))
    access = stack.enter_context(DirectoryAccess())
    terminals = Terminals(directory_engine, box, clock=_now)
    directory = Directory(
        access=access,
        terminals=terminals,
        investors=Investors(directory_engine, clock=_now),
        known=KnownTerminals(access, terminals),
        places=KnownPlaces(directory_engine, access, clock=_now),
        seen=SystemInfoSeen(directory_engine, clock=_now),
        machines=MachineHistory(directory_engine, clock=_now),
    )
    directory.machines.forget_old()
    directory.places.forget_old()
    directory.places.load()
    dated = settings.verification.genuineness and _is_ctp(settings)
    directory.seen.forget_older_than(kept_for(settings.verification.max_age_seconds if dated else None))
    return ledger, directory


def _ledger(settings: Settings, engine: Engine, berth: Berth) -> Ledger:
    return Ledger(
        engine,
        settings.relay.name,
        spool=Spool(berth.spool(settings.relay.name)),
        clock=_now,
        capacity=settings.ledger.queue_entries,
        commit_timeout=settings.ledger.commit_timeout_seconds,
        digest=settings.ledger.digest,
    )


async def _keep_directory(
    settings: Settings, directory: Directory, owners: KnownOwners, stack: contextlib.AsyncExitStack
) -> None:
    """What logins and answers need of the directory, in memory: the terminals, and whose account is whose."""
    await stack.enter_async_context(directory.known.kept(settings.directory.look_seconds))
    keeping = kept_known(directory.access, directory.investors, settings.counter.broker_id, owners)
    await stack.enter_async_context(keeping)


async def _open_verifier(settings: Settings, stack: contextlib.AsyncExitStack) -> Verifier | None:
    rules = settings.verification
    if not rules.genuineness:
        _log.warning("genuineness_not_checked", advice="verification.genuineness is off; the ledger says so too")
        return None
    verifier = Verifier(
        genuineness.command(rules.collector_edition, core_dumps=settings.relay.core_dumps),
        timeout=rules.timeout_seconds,
        queue=rules.queue,
        now=asyncio.get_running_loop().time,
    )
    await stack.enter_async_context(verifier)
    await asyncio.to_thread(locale.ensure)  # where it has to be built, that may take longer than a side process has
    await verifier.start()
    return verifier


def _make_sessions(
    settings: Settings,
    directory: Directory,
    verifier: Verifier | None,
    counter: Counter,
    evidence: Evidence,
    parts: ProcessParts,
    handed: HandedConnections | None,
) -> tuple[Sessions, Admission, LoginGuard]:
    by_counter, clock = counter.mode is Mode.MANY_TO_MANY, asyncio.get_running_loop().time
    # In many-to-one a terminal's login is none at the counter; it must not use up the one try that decides.
    shared = parts.watch.breaker if by_counter else None
    places = directory.places
    guard = LoginGuard(
        settings.limits, places, clock, counter_knows_passwords=by_counter, breaker=shared, passwords=parts.passwords
    )
    admission = Admission(admission_rules(settings), counter, directory, verifier, guard, evidence, _now)
    admission.watch.alarms = parts.alarms
    kept = settings.sessions
    new_journal = functools.partial(Journal, items=kept.journal_events, size_bytes=kept.journal_bytes)
    limits, revocations = session_limits(settings), Revocations(directory, counter.mode)
    refused = RefusedStreams(evidence, _now, shares_of(settings.ledger))
    sessions = Sessions(admission, revocations, refused, counter, evidence, limits, new_journal)
    sessions.fan_out = FanOut(parts.turns)
    _count_together(guard, handed)
    guard.has_room(sessions.room, sessions.room_of)
    return sessions, admission, guard


def _is_ctp(settings: Settings) -> bool:
    return settings.counter.system == CTP


def _started(settings: Settings, number: int, counter: Counter) -> dict[str, object]:
    return {
        "relay": settings.relay.name,
        "relay_number": number,
        "version": version("ctp-relay"),
        "mode": settings.relay.mode,
        "broker_id": settings.counter.broker_id,
        **counter_facts(settings, counter),
        "genuineness_checked": settings.verification.genuineness,
    }


def _now() -> dt.datetime:
    return dt.datetime.now(COUNTER_ZONE)
