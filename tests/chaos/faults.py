"""The faults by the names that plans have. Each is over when it returns; what it leaves behind the relay mends by itself."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.chaos.plan import Act
from tests.chaos.records import Stall
from tests.chaos.seat import Seat
from tests.chaos.stage import Stage, start_again, until
from tests.e2e.faulted_relay import fill
from tests.e2e.test_workers import children_of

Fault = Callable[[Stage, Act], Awaitable[None]]
_FLOOD = 4_000
_STEP, _STEPS, _STEP_SECONDS = 1_000, 14, 5.0
"""notices in each step of a stall, which the mates read before the next: all together more than may wait, and than a
connection holds"""
_PING_SECONDS = 10.0
"""a relay ends a connection whose ping has no answer for so long"""


async def kill_worker(stage: Stage, act: Act) -> None:
    """SIGKILL for one; the supervisor starts it again."""
    workers = stage.processes()[1:]
    if workers:
        stage.killed()
        with suppress(ProcessLookupError):
            os.kill(workers[act.which % len(workers)], signal.SIGKILL)


async def kill_relay(stage: Stage, act: Act) -> None:
    """SIGKILL for what the operator started, of two relays for one; it is started again at once."""
    relay = stage.relays[act.which % len(stage.relays)]
    async with stage.operating:
        began = stage.now
        stage.killed()
        await relay.kill()
        await start_again(relay)
        stage.broke(began)


async def kill_start(stage: Stage, act: Act) -> None:
    """The same, and once more while it starts."""
    relay = stage.relays[act.which % len(stage.relays)]
    async with stage.operating:
        began = stage.now
        stage.killed()
        await relay.kill()
        relay.begin()
        await asyncio.sleep(act.seconds)
        stage.killed()
        await relay.kill()
        await start_again(relay)
        stage.broke(began)


async def counter_drops(stage: Stage, act: Act) -> None:
    """Every connection to the counter breaks."""
    stage.broke()
    stage.counter.counter.drop_all()


async def counter_flaps(stage: Stage, act: Act) -> None:
    """The front takes connections and ends them at once, for a while."""
    began = stage.now
    stage.counter.counter.control.flap()
    await asyncio.sleep(act.seconds)
    stage.counter.counter.control.flap(on=False)
    stage.broke(began)


async def front_down(stage: Stage, act: Act) -> None:
    began = stage.now
    await stage.counter.counter.control.pause()
    await asyncio.sleep(act.seconds)
    await stage.counter.counter.control.resume()
    stage.broke(began)


async def counter_slow(stage: Stage, act: Act) -> None:
    """Notices come late, answers to logins too."""
    control = stage.counter.counter.control
    for callback in ("OnRtnOrder", "OnRspUserLogin"):
        control.delay(callback, act.seconds / 3)
    stage.counter.cut(stage.seats[act.which % len(stage.seats)].investor)
    stage.broke()
    await asyncio.sleep(act.seconds)
    control.clear()


async def counter_mute(stage: Stage, act: Act) -> None:
    """It takes everything and answers nothing; then its connections break."""
    control = stage.counter.counter.control
    began = stage.now
    control.mute()
    await asyncio.sleep(act.seconds)
    control.mute(on=False)
    await counter_drops(stage, act)
    stage.broke(began)


async def orders_refused(stage: Stage, act: Act) -> None:
    """The market is closed for a while."""
    control = stage.counter.counter.control
    control.open_market("rb2701", on=False)
    await asyncio.sleep(act.seconds)
    control.open_market("rb2701", on=True)


async def logins_refused(stage: Stage, act: Act) -> None:
    """The counter is not initialized, as before the morning, when all must log in again."""
    control = stage.counter.counter.control
    control.initialized(on=False)
    await counter_drops(stage, act)
    await asyncio.sleep(act.seconds)
    control.clear()


async def counter_full(stage: Stage, act: Act) -> None:
    """An investor may have one session, when all must log in again."""
    control = stage.counter.counter.control
    control.session_limit(1)
    await counter_drops(stage, act)
    await asyncio.sleep(act.seconds)
    control.clear()


async def network_cut(stage: Stage, act: Act) -> None:
    """The connection of one terminal breaks."""
    stage.seats[act.which % len(stage.seats)].way.cut()


async def network_silent(stage: Stage, act: Act) -> None:
    """Half open: what one terminal and the relay say stays on the way, until it breaks."""
    way = stage.seats[act.which % len(stage.seats)].way
    way.hold_requests()
    way.hold_answers()
    await asyncio.sleep(act.seconds)
    way.cut()


async def reader_vanishes(stage: Stage, act: Act) -> None:
    """One terminal takes nothing while the counter has much to say to all."""
    way = stage.seats[act.which % len(stage.seats)].way
    way.hold_answers()
    await stage.counter.counter.control.flood(_FLOOD, patient=True)
    await asyncio.sleep(act.seconds)
    way.cut()


async def reader_stalls(stage: Stage, act: Act) -> None:
    """One terminal takes nothing while its mate of the same investor reads more than may wait; then it reads on."""
    seat = stage.seats[act.which % len(stage.seats)]
    mates = [one for one in stage.seats if one.investor == seat.investor and one is not seat]
    began, were_live = stage.now, all(one.is_live for one in (seat, *mates))
    seat.way.hold_answers()
    came = True
    for _ in range(_STEPS):
        wanted = {mate: mate.read + _STEP for mate in mates}
        await stage.counter.say_much(seat.investor, _STEP)
        came = came and await until(_STEP_SECONDS, functools.partial(_have_read, wanted))
    seat.way.release()
    stage.broke(began)  # where the machine is slow, the counter cuts the relay off too
    if were_live and came and stage.now - began < _PING_SECONDS:
        stage.disturbed.stalls.append(Stall(seat.name, began, stage.now))


def _have_read(wanted: Mapping[Seat, int]) -> bool:
    return all(mate.read >= count for mate, count in wanted.items())


async def all_come_back(stage: Stage, act: Act) -> None:
    """Every terminal's connection breaks at once, the crowd's too."""
    for way in stage.ways:
        way.cut()


async def day_change(stage: Stage, act: Act) -> None:
    """In the middle of trading: the counter settles and restarts its front."""
    stage.broke()
    stage.counter.next_day()


async def database_hangs(stage: Stage, act: Act) -> None:
    """Its processes stand still and its connections stay."""
    assert stage.postgres is not None
    began, cluster = stage.now, _cluster(stage.postgres._data)
    for pid in cluster:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(act.seconds)
    finally:
        for pid in cluster:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    stage.away(began)


def _cluster(data: Path) -> list[int]:
    postmaster = int((data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    return [postmaster, *children_of(postmaster)]


async def database_stops(stage: Stage, act: Act) -> None:
    """As a machine does that fails; then it is started again."""
    assert stage.postgres is not None
    began = stage.now
    await asyncio.to_thread(stage.postgres.stop)
    await asyncio.sleep(act.seconds)
    await asyncio.to_thread(stage.postgres.start)
    stage.away(began)


async def disk_full(stage: Stage, act: Act) -> None:
    """Not a page is left where the relay keeps its state."""
    if not stage.relay.state_dir.is_mount():
        stage.skipped.add(act.fault)
        return
    began, ballast = stage.now, stage.relay.state_dir / "ballast"
    with suppress(OSError):
        await asyncio.to_thread(fill, ballast)
    await asyncio.sleep(act.seconds)
    ballast.unlink()
    stage.away(began)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_worker,
        kill_relay,
        kill_start,
        counter_drops,
        counter_flaps,
        front_down,
        counter_slow,
        counter_mute,
        orders_refused,
        logins_refused,
        counter_full,
        network_cut,
        network_silent,
        reader_vanishes,
        reader_stalls,
        all_come_back,
        day_change,
        database_hangs,
        database_stops,
        disk_full,
    )
}
