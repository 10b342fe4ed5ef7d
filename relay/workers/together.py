"""The answers of several workers as one. Pure.

Counts are added up; of what is the same for all of them the first is taken, of what is watched the worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from ctprelay.v1 import admin_pb2 as pb

_M = TypeVar("_M", bound=Message)
_MOST = (
    "build_info",
    "fault_",
    "counter_ready",
    "verifier_ready",
    "market_data_live",
    "orders_today",
    "database_seconds",
)
_LEAST = ("certificate", "disk_free_bytes", "descriptors_most")
"""figures of which the largest and the smallest are taken; those of all others are added up"""


def status_together(found: Sequence[pb.RelayStatus]) -> pb.RelayStatus:
    """Of those that answered, which is one at least."""
    ready = next((one for one in found if one.readiness.ready), found[0])
    together = pb.RelayStatus()
    together.CopyFrom(ready)
    together.relay_number = 0
    for name in ("sessions", "ledger"):
        _take(getattr(together, name), _summed([getattr(one, name) for one in found]))
    together.ledger.lag_seconds = max(one.ledger.lag_seconds for one in found)
    together.counter.sessions = sum(one.counter.sessions for one in found)
    together.counter.live = sum(one.counter.live for one in found)
    together.trading_day = max(one.trading_day for one in found)
    together.orders_today = max(one.orders_today for one in found)
    for name in ("locks", "calls_waiting", "queued_bytes"):
        setattr(together, name, sum(getattr(one, name) for one in found))
    _take(together.paused, next((one.paused for one in found if one.paused.paused), pb.LoginPause()))
    if together.HasField("market_data"):
        _take(together.market_data, _market_data([one.market_data for one in found if one.HasField("market_data")]))
    del together.faults[:], together.figures[:]
    together.faults.extend(_faults(found))
    together.figures.extend(_figures(found))
    return together


def _take(into: Message, value: Message) -> None:
    into.CopyFrom(value)


def _summed(parts: Sequence[_M]) -> _M:
    """The first, with every number added up."""
    total = type(parts[0])()
    total.CopyFrom(parts[0])
    for field in total.DESCRIPTOR.fields:
        if field.cpp_type in _NUMBERS and not field.is_repeated:
            setattr(total, field.name, sum(getattr(part, field.name) for part in parts))
    return total


_FIELDS = pb.LedgerState.DESCRIPTOR.fields_by_name
_NUMBERS = frozenset(
    {
        _FIELDS["committed"].CPPTYPE_UINT64,
        _FIELDS["committed"].CPPTYPE_UINT32,
        _FIELDS["committed"].CPPTYPE_DOUBLE,
    }
)


def _market_data(parts: Sequence[pb.MarketDataState]) -> pb.MarketDataState:
    """Live where it is at all of them."""
    total = _summed(parts)
    down = next((part for part in parts if not part.live), parts[0])
    total.live, total.why = down.live, down.why
    return total


def _faults(found: Iterable[pb.RelayStatus]) -> list[pb.Fault]:
    """Each kind once, as it began first; grave where it is at one."""
    kinds: dict[str, pb.Fault] = {}
    for fault in sorted((fault for one in found for fault in one.faults), key=lambda fault: fault.since):
        known = kinds.setdefault(fault.kind, fault)
        known.grave = known.grave or fault.grave
    return list(kinds.values())


def _figures(found: Iterable[pb.RelayStatus]) -> list[pb.Figure]:
    by_name: dict[str, list[pb.Figure]] = {}
    for one in found:
        for figure in one.figures:
            by_name.setdefault(figure.name, []).append(figure)
    return [_figure(name, figures) for name, figures in by_name.items()]


def _figure(name: str, figures: Sequence[pb.Figure]) -> pb.Figure:
    values = [figure.value for figure in figures]
    value = max(values) if name.startswith(_MOST) else min(values) if name.startswith(_LEAST) else sum(values)
    return pb.Figure(name=name, meaning=figures[0].meaning, value=value)


def reload_together(found: Sequence[pb.ReloadResponse]) -> pb.ReloadResponse:
    """A key is in force where all have it; each problem once."""
    problems = {(one.key, one.why): one for answer in found for one in answer.problems}
    applied = set.intersection(*({*answer.applied} for answer in found))
    waits = set.union(*({*answer.needs_restart} for answer in found))
    read = set.intersection(*({*answer.read_again} for answer in found))
    return pb.ReloadResponse(
        applied=sorted(applied), needs_restart=sorted(waits), problems=problems.values(), read_again=sorted(read)
    )


def locks_together(found: Iterable[Iterable[pb.Lock]]) -> list[pb.Lock]:
    """Each lock once, with the longest time that is left."""
    locks: dict[tuple[str, str], pb.Lock] = {}
    for lock in (lock for one in found for lock in one):
        known = locks.setdefault((lock.subject, lock.name), lock)
        known.seconds_left = max(known.seconds_left, lock.seconds_left)
    return list(locks.values())


def alarms_together(found: Iterable[pb.ListAlarmsResponse], most: int) -> pb.ListAlarmsResponse:
    """Newest first."""
    alarms = sorted((alarm for one in found for alarm in one.alarms), key=lambda alarm: alarm.at, reverse=True)
    return pb.ListAlarmsResponse(alarms=alarms[:most])
