"""Protections taken away on purpose, as a slip of the hand would: `python -m simulation --break NAME` must find each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Protection:
    """What is taken away: the owner's attributes, and what stands there instead."""

    what: str
    rule: str
    """the rule that a run finds broken first"""
    owner: Callable[[], Any]
    instead: Mapping[str, Any]


@contextlib.contextmanager
def without(name: str) -> Iterator[None]:
    """While it is entered, this protection is gone; an empty name is none."""
    if not name:
        yield
        return
    protection = BREAKS[name]
    owner = protection.owner()
    before = {attribute: getattr(owner, attribute) for attribute in protection.instead}
    for attribute, instead in protection.instead.items():
        setattr(owner, attribute, instead)
    try:
        yield
    finally:
        for attribute, was in before.items():
            setattr(owner, attribute, was)


def _order_tables() -> Any:
    from relay.counter.ctp.order_map.tables import OrderTables  # noqa: PLC0415 - only where it is broken

    return OrderTables


def _order_keys() -> Any:
    from relay.counter.ctp.lanes.order_keys import OrderKeys  # noqa: PLC0415 - only where it is broken

    return OrderKeys


def _ledger() -> Any:
    from relay.ledger.ledger import Ledger  # noqa: PLC0415 - only where it is broken

    return Ledger


def _chain() -> Any:
    from relay.ledger import ledger  # noqa: PLC0415 - only where it is broken

    return ledger


def _outbox() -> Any:
    from relay.sessions.outbox import Outbox  # noqa: PLC0415 - only where it is broken

    return Outbox


def _journal() -> Any:
    from relay.sessions.journal import Journal  # noqa: PLC0415 - only where it is broken

    return Journal


def _lanes() -> Any:
    from relay.counter.ctp.lanes.lanes import Lanes  # noqa: PLC0415 - only where it is broken

    return Lanes


def _many_to_one() -> Any:
    from relay.counter.ctp.modes.many_to_one import ManyToOne  # noqa: PLC0415 - only where it is broken

    return ManyToOne


def _rate_window() -> Any:
    from relay.counter.ctp.pacing.pacing import RateWindow  # noqa: PLC0415 - only where it is broken

    return RateWindow


def _repetitions() -> Any:
    from relay.counter.ctp.delivery.repetitions import Repetitions  # noqa: PLC0415 - only where it is broken

    return Repetitions


def _delivery() -> Any:
    from relay.counter.ctp.delivery.delivery import Delivery  # noqa: PLC0415 - only where it is broken

    return Delivery


def _counter_session() -> Any:
    from relay.counter.ctp.session.session import CtpSession  # noqa: PLC0415 - only where it is broken

    return CtpSession


def _tasks() -> Any:
    from relay.tasks import Tasks  # noqa: PLC0415 - only where it is broken

    return Tasks


async def _leaves_it_open(_self: Any, undoing: Coroutine[Any, Any, Any], _name: str) -> None:
    undoing.close()


def _claims_all(*_: object) -> None:
    return None


async def _records_later(self: Any, kind: str, session: str, data: Mapping[str, object]) -> None:
    from relay.ledger.chain import canonical  # noqa: PLC0415 - only where it is broken

    self._put(kind, session, canonical(data), spooled=True)


def _add_without_bound(self: Any, messages: Sequence[tuple[bytes, bytes]]) -> None:
    self._waiting += messages
    self._bytes += sum(len(beginning) + len(rest) for beginning, rest in messages)


def _replay_in_silence(self: Any, after: int) -> Any:
    from relay.sessions.journal import Replay  # noqa: PLC0415 - only where it is broken

    return Replay(self._from(max(after + 1, self.first_kept)), lost_history=False)


def _to_every_lane(self: Any, *_: object) -> Sequence[Any]:
    return list(self._open.values())


async def _reports_stand(_self: Any, driver: Any) -> None:
    for link in driver:
        link.route.reported = True


def _at_once(_self: Any, now: float, _spare: int = 0) -> float:
    return now


def _new_each_time(_self: Any, _notice: Any, *, ours: bool = False) -> bool:
    del ours
    return True


def _trade_at_once(_self: Any, notice: Any, *_: object) -> list[Any]:
    return [notice]


async def _waits_for(self: Any) -> None:
    self._logged_out.clear()
    if self.steps.log_out(self.next_request_id()) == 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._logged_out.wait(), 1.0)  # noqa: TID251


def _keeps_no_head(head: Any, **named: Any) -> Any:
    from relay.ledger.chain import Head, link  # noqa: PLC0415 - only where it is broken

    return link(Head(head.chain, head.sequence, "0" * 64), **named)


def _no_first_order(*_: object) -> None:
    return None


BREAKS = {
    "shared_keys": Protection(
        "a process does not ask the others whose a key is", "key_once", _order_tables, {"claim": _claims_all}
    ),
    "own_keys": Protection(
        "a process forgets which key it has sent", "key_once", _order_keys, {"first": _no_first_order}
    ),
    "ledger_before_call": Protection(
        "an entry is handed over, and not waited for", "ledger_first", _ledger, {"record": _records_later}
    ),
    "chain": Protection("an entry is linked to no entry before it", "chain", _chain, {"link": _keeps_no_head}),
    "bounded_queues": Protection(
        "what waits for a terminal has no bound", "bounds", _outbox, {"_add": _add_without_bound}
    ),
    "lost_history": Protection(
        "a resume does not say that something is lost", "no_gap", _journal, {"replay": _replay_in_silence}
    ),
    "investor_filter": Protection(
        "every terminal gets every notice", "own_only", _lanes, {"receivers": _to_every_lane}
    ),
    "re_report": Protection(
        "after a new login the terminals are not reported again",
        "reported",
        _many_to_one,
        {"_submit_again": _reports_stand},
    ),
    "pacing": Protection("what may be sent is sent at once", "pacing", _rate_window, {"free_at": _at_once}),
    "repetitions": Protection(
        "a day that is sent again is news", "in_order", _repetitions, {"first_time": _new_each_time}
    ),
    "held_trades": Protection(
        "a trade does not wait for its order", "in_order", _delivery, {"_accept_trade": _trade_at_once}
    ),
    "undone_login": Protection(
        "what a login had opened stays open when its stream ends in the middle of it",
        "nothing_left",
        _tasks,
        {"finish": _leaves_it_open},
    ),
    "swallowed_cancel": Protection(
        "a logout waits by asyncio.wait_for, which may swallow a cancel",
        "comes_back",
        _counter_session,
        {"_log_out": _waits_for},
    ),
}
