"""One attack, measured: the honest terminals while it is quiet, during the attack, and until all is served again."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.catalog import SPREADS, Attack
from attacks.scene import Attackers, Stage, set_up
from attacks.verdicts import Measured
from benchmarks.summary import percentile

MEBIBYTE = 1 << 20
BREAKER_ERROR = 63
"""CTP's: the relay's app id or auth code is wrong"""
_LOOK_SECONDS = 0.1
_AFTER_SECONDS = 10.0
"""how long a trial waits until everything is served again"""
_AGAIN_SECONDS = 0.5
"""at least, between two looks whether it is"""
_RETURN_SECONDS = 5.0
_NOT_ANSWERED = 5e6
"""microseconds an order counts that was not answered"""
_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the parts of a trial take, in seconds, and how much honest terminals do."""

    lead: float = 1.0
    """from the attack's begin until it is measured"""
    quiet_orders: float = 3.0
    orders: float = 3.5
    """orders alone: a login in many-to-many makes an instance of the vendor's library, and orders wait for it"""
    orders_per_second: float = 60.0
    quiet_logins: int = 4
    logins: int = 20
    """during the attack"""
    logins_per_second: float = 4.0

    @property
    def attack(self) -> float:
        """How long the attack goes on."""
        return self.lead + self.orders + self.logins / self.logins_per_second + 0.5

    @property
    def all_logins(self) -> int:
        return self.logins + self.quiet_logins + _AT_ONCE * (2 + round(_AFTER_SECONDS / _AGAIN_SECONDS))


@dataclass(slots=True)
class _Memory:
    """What the relay's process has resident, and its peak."""

    stage: Stage
    peak: int = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        self.peak = self.stage.at.resident_bytes()
        watching = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    async def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self.stage.at.resident_bytes())
            await asyncio.sleep(_LOOK_SECONDS)


@dataclass(slots=True)
class _Heard:
    """What honest terminals noticed."""

    orders: list[float | None]
    further_unanswered: int
    """of the orders while others logged in"""
    logins: list[tuple[bool, float, str]]

    @property
    def order_p99(self) -> float:
        """Microseconds; an order without an answer counts as one that took long."""
        return percentile([_NOT_ANSWERED if trip is None else trip for trip in self.orders], 0.99)


async def measure(attack: Attack, spread: int, mode: str, plan: Plan) -> Measured:
    """The attack from so many addresses, on a relay of its own."""
    with tempfile.TemporaryDirectory() as folder:
        attackers = Attackers(attack, SPREADS[spread], plan.attack)
        async with set_up(Path(folder), mode, attackers, plan.all_logins) as stage:
            memory = _Memory(stage)
            await _warm(stage)
            async with memory.watched():
                quiet = await _honest(stage, plan.quiet_orders, plan.quiet_logins, plan)
            resident, written = memory.peak, stage.at.written_bytes()
            async with memory.watched():
                during, done = await _under_attack(stage, attack, plan)
            written = stage.at.written_bytes() - written
            recovered = await _recovered(stage)
            left = await _returned(stage, resident)
    return _measured(quiet, during, done, memory.peak - resident, left - resident, recovered, written)


async def _warm(stage: Stage) -> None:
    await stage.trader.ask("orders 20")
    await stage.newcomers.ask(f"visit {_AT_ONCE} 0.5")


async def _honest(stage: Stage, seconds: float, logins: int, plan: Plan) -> _Heard:
    """Orders at a steady pace for these seconds; then so many logins, while orders go on."""
    orders = await stage.trader.ask(f"paced {seconds} {plan.orders_per_second}")
    while_logins = logins / plan.logins_per_second
    visits, further = await asyncio.gather(
        stage.newcomers.ask(f"visit {logins} {while_logins}"),
        stage.trader.ask(f"paced {while_logins} {plan.orders_per_second}"),
    )
    return _Heard(orders, further.count(None), [tuple(visit) for visit in visits])


async def _under_attack(stage: Stage, attack: Attack, plan: Plan) -> tuple[_Heard, Counter[str]]:
    """What honest terminals noticed, and what the attackers did; the attack is over when this returns."""
    if attack.counter_refuses:
        stage.at.counter.control.refuse("ReqAuthenticate", BREAKER_ERROR, times=1)
        await stage.newcomers.ask("visit 1 0")  # the counter refuses the relay in this login's answer
    for attacker in stage.attackers:
        await attacker.send_command("go")
    await asyncio.sleep(plan.lead)
    heard = await _honest(stage, plan.orders, plan.logins, plan)
    done: Counter[str] = Counter()
    for attacker in stage.attackers:
        done.update(await attacker.answer())
    return heard, done


async def _recovered(stage: Stage) -> float | None:
    """Seconds from the attack's end until some logins at once and an order all succeed; None where they never do."""
    ended = time.monotonic()
    while (began := time.monotonic()) - ended < _AFTER_SECONDS:
        visits, orders = await asyncio.gather(
            stage.newcomers.ask(f"visit {_AT_ONCE} 0"), stage.trader.ask("paced 0.1 50")
        )
        if all(succeeded for succeeded, _, _ in visits) and None not in orders:
            return time.monotonic() - ended
        await asyncio.sleep(max(0.0, began + _AGAIN_SECONDS - time.monotonic()))
    return None


async def _returned(stage: Stage, resident: int) -> int:
    """Resident bytes when they are near the quiet value again, or after some seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_RETURN_SECONDS):
            while stage.at.resident_bytes() - resident > 10 * MEBIBYTE:  # noqa: ASYNC110 - a fact of another process
                await asyncio.sleep(_LOOK_SECONDS)
    return stage.at.resident_bytes()


def _measured(
    quiet: _Heard,
    during: _Heard,
    done: Counter[str],
    grown: int,
    left: int,
    recovered: float | None,
    written: int,
) -> Measured:
    seconds = [taken for succeeded, taken, _ in during.logins if succeeded]
    return Measured(
        honest_logins_percent=_percent(during.logins),
        honest_login_p95_s=round(percentile(seconds, 0.95), 3) if seconds else None,
        order_p99_ratio=round(during.order_p99 / quiet.order_p99, 2),
        rss_growth_mib=round(grown / MEBIBYTE, 1),
        recovered_s=None if recovered is None else round(recovered, 2),
        rss_left_mib=round(left / MEBIBYTE, 1),
        quiet={
            "honest_logins_percent": _percent(quiet.logins),
            "honest_login_p95_s": round(percentile([taken for _, taken, _ in quiet.logins], 0.95), 3),
            "order_p99_us": round(quiet.order_p99),
        },
        order_p99_us=round(during.order_p99),
        orders_unanswered=during.orders.count(None) + during.further_unanswered,
        logins_tried=len(during.logins),
        refusals=dict(Counter(why for _, _, why in during.logins if why)),
        written_mib=round(written / MEBIBYTE, 2),
        done=_sorted(done),
        let_in=done["let_in"],
    )


def _percent(logins: Sequence[tuple[bool, float, str]]) -> float:
    return round(100 * sum(succeeded for succeeded, _, _ in logins) / len(logins), 1)


def _sorted(done: Counter[str]) -> dict[str, Any]:
    return {word: done[word] for word in sorted(done)}
