"""What the relay's operators have of a running process: the admin API on its socket, and on TCP where that is set."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from ctprelay.v1 import admin_pb2 as pb
from relay.admin.alarm_views import AlarmViews
from relay.admin.changes import Changes
from relay.admin.locks import LockActions
from relay.admin.reads import ReadEntries
from relay.admin.session_views import SessionViews
from relay.admin.status import Seen, StatusView
from relay.admin.steering import Steered, Steering
from relay.admission.login_guard import LoginGuard
from relay.alarms.recent import RecentAlarms
from relay.counter.port import SteeredCounter
from relay.database.times import COUNTER_ZONE
from relay.metrics.endpoint import why_draining
from relay.metrics.measures import readings
from relay.metrics.readiness import Readiness
from relay.metrics.serving import serve_metrics
from relay.metrics.watched import Watched
from relay.reloading import Reloading
from relay.rpc import control
from relay.rpc.admin_answers import AdminParts
from relay.rpc.admin_port import AdminPort
from relay.settings import file as settings_file
from relay.settings.settings import Settings

_ADMIN_FILES = "admin.certificate", "admin.key", "admin.client_authority"


@dataclass(frozen=True, slots=True)
class Operated:
    """The process that is operated."""

    engine: Engine
    """the ledger's"""
    number: int
    watched: Watched
    recent_alarms: RecentAlarms
    counter: SteeredCounter
    guard: LoginGuard
    reloading: Reloading
    stop: asyncio.Event
    supervisor: int = 0
    """the process that may say on the control socket who asks; 0 where there is none"""


async def open_operator_ports(settings: Settings, of: Operated, stack: contextlib.AsyncExitStack) -> None:
    """For operators and for monitors; raises OSError where the settings ask for a port that cannot be served."""
    serve_metrics(settings, of.watched, stack)
    await serve_operators(settings, of, stack)


async def serve_operators(settings: Settings, of: Operated, stack: contextlib.AsyncExitStack) -> None:
    """Serve until the stack closes; raises OSError where the settings ask for a port that cannot be served."""
    ledger = of.watched.ledger
    reads = ReadEntries(lambda kind, facts: ledger.note(kind, "", facts))
    stack.push_async_callback(reads.close)
    parts = _parts(settings, of, reads)
    served = await control.listen(settings_file.control_socket(settings), parts, of.supervisor)
    if served is not None:
        stack.push_async_callback(served.stop)
    if settings.admin.address is not None:
        port = AdminPort(settings.admin, parts)
        await port.start()
        stack.push_async_callback(port.stop)
        of.reloading.takes["admin.roles"] = of.reloading.takes["admin.consoles"] = port.take_roles
        of.reloading.takes |= dict.fromkeys(_ADMIN_FILES, port.take_certificate)
        of.reloading.files["admin.certificate"] = port.take_certificate
        of.watched.expiries |= port.expiries


def _parts(settings: Settings, of: Operated, reads: ReadEntries) -> AdminParts:
    seen, reloading, sessions = of.watched, of.reloading, of.watched.sessions
    changes = Changes(of.engine, settings.relay.name, _now, settings.ledger.digest)
    steered = Steered(
        sessions,
        of.counter,
        seen.faults,
        drain_seconds=lambda: reloading.settings.relay.drain_seconds,
        stop=of.stop.set,
        reload=reloading.reload,
        in_force=reloading.in_force,
    )
    return AdminParts(
        StatusView(_seen(settings, of), reads, _now),
        SessionViews(sessions, reads, _now),
        Steering(changes, reads, steered, _now),
        LockActions(of.guard, changes),
        AlarmViews(of.recent_alarms, reads),
        reads,
        functools.partial(sessions.revocations.look_now, sessions),
    )


def _seen(settings: Settings, of: Operated) -> Seen:
    seen, certificates = of.watched, of.watched.listener.certificates
    readiness = Readiness(
        settings.relay.name,
        seen.faults,
        seen.verifier,
        seen.counter,
        lambda: why_draining(seen.sessions),
    )
    return Seen(
        settings=lambda: of.reloading.settings,
        number=of.number,
        started_at=_now(),
        sessions=seen.sessions,
        counter=of.counter,
        ledger=seen.ledger,
        guard=of.guard,
        faults=seen.faults,
        figures=functools.partial(_figures, seen),
        readiness=readiness.answer,
        certificate_until=lambda: certificates.valid_until if certificates is not None else None,
        market=seen.market,
    )


def _figures(seen: Watched) -> Iterator[pb.Figure]:
    for name, meaning, value in readings(seen):
        yield pb.Figure(name=name, meaning=meaning, value=value)


def _now() -> dt.datetime:
    return dt.datetime.now(COUNTER_ZONE)
