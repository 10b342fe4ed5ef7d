"""Several people act on one running relay at the same moment, while terminals come and go: every call is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import AdminClient, RelayDoor
from relay.counter.port import Mode
from terminal_client import LoginRejected, TerminalError
from tests.e2e.conftest import StartRelay
from tests.e2e.site import INVESTORS, Site, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLERS, ROUNDS = 4, 4
WHY = pb.Asking(reason="all at once")
Act = Callable[[AdminClient], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "session_kick": lambda to: to.kick_session(pb.KickSessionRequest(investor_id=INVESTORS[0], asking=WHY)),
    "logins_pause": lambda to: to.pause_logins(pb.PauseLoginsRequest(asking=WHY)),
    "reload": lambda to: to.reload(pb.ReloadRequest(asking=WHY)),
    "counter_reconnect": lambda to: to.reconnect_counter(pb.ReconnectCounterRequest(asking=WHY)),
    "locks_lift": lambda to: to.lift_locks(pb.LiftLocksRequest(name=INVESTORS[1], asking=WHY)),
    "log_level": lambda to: to.set_log_level(pb.SetLogLevelRequest(level="info", asking=WHY)),
    "logins_resume": lambda to: to.resume_logins(pb.ResumeLoginsRequest(asking=WHY)),
}


@asynccontextmanager
async def callers_of(site: Site) -> AsyncIterator[list[AdminClient]]:
    """Each with a connection of its own."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(CALLERS):
            client = AdminClient(RelayDoor(site.relay.state_dir / "control.sock"), deadline_seconds=60.0)
            stack.push_async_callback(client.close)
            clients.append(client)
        yield clients


async def test_every_call_is_answered_and_the_last_one_holds(start_site: StartRelay) -> None:
    """Nothing breaks inside, every action has one entry, and three drains at once end the process once, in order."""
    site = await start_site(Mode.MANY_TO_MANY, relay__drain_seconds=3.0)
    done = Counter[str]()
    async with callers_of(site) as callers:
        came, refused = await _acted_at_once(site, callers, done)
        await ACTS["logins_resume"](callers[0])
        async with site.logged_in(INVESTORS[0]) as terminal:
            await trade(terminal)
            status = await callers[1].get_status(pb.GetStatusRequest())
            await _drained_by_all(callers, done)
    async with asyncio.timeout(60):
        while site.relay.status() is None:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.05)

    kinds = Counter(one.kind.removeprefix("admin_") for one in site.relay.ledger() if one.kind.startswith("admin_"))
    verified = await asyncio.to_thread(site.relay.command, "ledger", "verify")
    assert came > 0
    assert refused <= {"logins_paused", "counter_unavailable", "counter_reconnecting"}
    assert (status.paused.reason, status.sessions.live, status.readiness.ready) == ("", 1, True)
    assert {name: kinds[name] for name in (*ACTS, "drain")} == {**done, "logins_resume": done["logins_resume"] + 1}
    assert [kind for kind in kinds if kind.endswith("_failed")] == []
    assert site.relay.status() == 0
    assert [word for word in ("Traceback", '"critical"', "never retrieved") if word in site.relay.output] == []
    assert verified.returncode == 0, verified.stdout


async def _acted_at_once(site: Site, callers: list[AdminClient], done: Counter[str]) -> tuple[int, set[str]]:
    """All callers, and terminals meanwhile: how often one was let in, and why others were not."""
    refused, over = set[str](), asyncio.Event()
    coming = [asyncio.ensure_future(_comes_and_goes(site, who, refused, over)) for who in INVESTORS[:3]]
    try:
        await asyncio.gather(*(_acts(client, number, done) for number, client in enumerate(callers)))
    finally:
        over.set()
    return sum(await asyncio.gather(*coming)), refused


async def _acts(client: AdminClient, number: int, done: Counter[str]) -> None:
    """All acts again and again, each caller beginning with another one, two of them at a time."""
    names = [*ACTS]
    for turn in range(ROUNDS):
        order = names[(number + turn) % len(names) :] + names[: (number + turn) % len(names)]
        for first, second in zip(order, order[1:] + order[:1], strict=True):
            await asyncio.gather(ACTS[first](client), ACTS[second](client))
            done.update((first, second))


async def _comes_and_goes(site: Site, investor_id: str, refused: set[str], over: asyncio.Event) -> int:
    """How often a terminal was let in. One that is refused or ended reads why, and is never left waiting."""
    came = 0
    while not over.is_set():
        try:
            async with asyncio.timeout(60), site.terminal() as terminal:
                await log_in(terminal, investor_id)
                came += 1
                await trade(terminal)
        except LoginRejected as rejected:
            refused.add(rejected.reason)
        except TerminalError:  # ended, or between two sessions at the counter
            pass
        await asyncio.sleep(0.05)
    return came


async def _drained_by_all(callers: list[AdminClient], done: Counter[str]) -> None:
    """Every one of them, and others meanwhile."""
    drain = pb.DrainRequest(asking=WHY)
    others = ["session_kick", "logins_pause", "reload"]
    answers = await asyncio.gather(
        *(client.drain(drain) for client in callers[:3]),
        *(ACTS[name](callers[3]) for name in others),
        return_exceptions=True,
    )
    done.update(["drain"] * 3 + others)

    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
