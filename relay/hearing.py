"""Connects what finds a fault at its work with the faults of the process; what is found without work, `relay.watch` finds."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import Engine

from relay.admission.verifier import Verifier
from relay.alarm_entries import AlarmEntries
from relay.alarms.alarming import Alarming, channels_of
from relay.counter_choice import ProcessParts
from relay.faults.table import Fault
from relay.ledger.ledger import Ledger
from relay.ledger.order_trail import OrderTrailWriter
from relay.metrics.endpoint import why_draining
from relay.metrics.readiness import Readiness
from relay.metrics.watched import Watched
from relay.settings.settings import Settings
from relay.watch.watching import Parts, Watching, watch_process


def hear(
    shared: ProcessParts,
    engine: Engine,
    ledger: Ledger,
    verifier: Verifier | None,
    trail: OrderTrailWriter | None,
    expiries: Mapping[str, Callable[[], dt.datetime]],
) -> Parts:
    """From here on ledger, order map, orders' stream and verifier begin and end their faults; returns what is to be looked after."""
    faults = shared.faults

    def committed(why: str, spooled: int) -> None:
        faults.set(Fault.DATABASE_DOWN, why)
        faults.set(Fault.LEDGER_SPOOLING, f"{spooled} entries wait on disk" if spooled else "", entries=spooled)

    ledger.on_commit = committed
    shared.order_map.on_failure = partial(faults.begin, Fault.ORDER_MAP_UNWRITABLE)
    if trail is not None:
        trail.on_loss = partial(faults.begin, Fault.ORDERS_NOT_RECORDED)
    if verifier is not None:
        verifier.on_change = partial(faults.set, Fault.VERIFIER_GONE)
    return Parts(
        faults,
        engine,
        shared.order_map,
        verifier,
        shared.watch,
        shared.clock,
        expiries,
        shared.alarms,
        trail,
        lambda: ledger.why_behind,
    )


async def be_watched(
    settings: Settings, engine: Engine, shared: ProcessParts, watched: Watched, stack: contextlib.AsyncExitStack
) -> tuple[Alarming, Watching]:
    """From here on the relay looks after itself."""
    listener = watched.listener
    if listener.certificates is not None:
        watched.expiries |= listener.certificates.expiries
    parts = hear(shared, engine, watched.ledger, watched.verifier, watched.trail, watched.expiries)
    alarming = Alarming(settings.relay.name, settings.alarms, channels_of(settings.alarms))
    stack.push_async_callback(asyncio.to_thread, alarming.close)
    entries = AlarmEntries(watched.ledger)
    alarming.hear(shared.faults, shared.alarms, entries.event)
    entries.hear(shared.faults)
    readiness = Readiness(
        settings.relay.name, watched.faults, watched.verifier, watched.counter, lambda: why_draining(watched.sessions)
    )
    listener.health.is_ready = lambda: readiness.answer()["ready"] is True
    watched.sessions.figures = shared.figures
    watched.senders = lambda: alarming.senders
    watching = await watch_process(settings, parts, stack)
    watched.found = watching.found
    return alarming, watching
