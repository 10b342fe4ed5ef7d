"""The relay broken on purpose, one protection at a time, in every one of its processes: each break must be found.

Applied by a `sitecustomize` that only this run's relay meets. What a break needs of the relay is imported where it is used: the
process that is broken imports no other part of the relay earlier than it would.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.chaos.plan import Shape


@dataclass(frozen=True, slots=True)
class Break:
    """`apply` takes one protection away from the process it is called in; this shape of a relay has it."""

    apply: Callable[[], None]
    shape: Shape


def everybody_sees_everything() -> None:
    """The investor filter lets every notice through to every terminal."""
    from tests.stateful import sabotage

    sabotage.everybody_sees_everything()


def all_workers_have_one_number() -> None:
    """Each start of a process takes the same number: its lanes are named like any other's."""
    from relay.counter.ctp.order_map import relay_numbers

    relay_numbers.take_number = lambda engine: 7


def keys_are_not_shared() -> None:
    """A process claims every key, whoever had it before."""
    from relay.counter.ctp.order_map.tables import OrderTables
    from tests.stateful import sabotage

    OrderTables.claim = lambda *_: None  # type: ignore[method-assign]
    sabotage.keys_are_forgotten()


def the_ledger_follows() -> None:
    """A login goes on before its entry is committed, and the entry comes ten seconds later."""
    from relay.ledger.ledger import Ledger

    record = Ledger.record

    async def later(self: Ledger, kind: str, session: str, data: Any) -> None:
        async def write() -> None:
            await asyncio.sleep(10.0)
            await record(self, kind, session, data)

        task = asyncio.ensure_future(write())
        _LATE.add(task)
        task.add_done_callback(_LATE.discard)

    Ledger.record = later  # type: ignore[method-assign]


_LATE: set[asyncio.Future[None]] = set()


def queues_have_no_bound() -> None:
    """Whatever comes for a terminal that takes nothing waits for it."""
    from relay.sessions.outbox import Outbox

    begin = Outbox.__init__

    def unbounded(self: Outbox, limit: int) -> None:
        del limit
        begin(self, 1 << 60)

    Outbox.__init__ = unbounded  # type: ignore[method-assign]


def reports_are_made_once() -> None:
    """After the operator has logged in again, terminals go on without a report in that login."""
    from relay.counter.ctp.modes.many_to_one import ManyToOne

    submit = ManyToOne._submit_one

    async def once(self: Any, driver: Any, link: Any) -> bool:
        if getattr(link, "was_reported", False):
            link.route.reported = True
            return True
        done = await submit(self, driver, link)
        link.was_reported = True
        return done

    ManyToOne._submit_one = once  # type: ignore[method-assign]


BREAKS: dict[str, Break] = {
    "investor-filter": Break(everybody_sees_everything, Shape.SINGLE),
    "worker-numbers": Break(all_workers_have_one_number, Shape.WORKERS),
    "shared-keys": Break(keys_are_not_shared, Shape.WORKERS),
    "ledger-first": Break(the_ledger_follows, Shape.SINGLE),
    "bounded-queues": Break(queues_have_no_bound, Shape.SINGLE),
    "reports": Break(reports_are_made_once, Shape.SINGLE),
}
