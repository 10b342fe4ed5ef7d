"""A front that goes down and comes back: every terminal is reported again, with its own bytes, before it trades on."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from typing import Any

import pytest

from relay.counter.port import Mode
from terminal_client import Collected
from tests.e2e.site import INVESTORS, Site, collect_now, counter_state, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


def reports_with(site: Site, investor_id: str, collected: Collected) -> list[dict[str, Any]]:
    """The lines of the day's report that carry exactly these bytes."""
    digest = hashlib.sha256(collected.system_info).hexdigest()
    return [line for line in site.reports_of(investor_id) if line["inner_sha256"] == digest]


def session_of(site: Site, collected: Collected) -> str:
    """The relay's name of the terminal session that was admitted with these bytes."""
    digest = hashlib.sha256(collected.system_info).hexdigest()
    return next(e.session for e in site.relay.ledger() if e.data.get("system_info_sha256") == digest)


async def test_a_front_that_restarts_during_a_session(site: Site) -> None:
    """The terminal gets the state, then is live again by itself; its report was made again, and its next order trades."""
    investor, collected = INVESTORS[0], await collect_now()
    async with site.logged_in(investor, collected) as terminal:
        statuses = terminal.statuses()

        await site.counter.stop_listening()
        await counter_state(statuses, "recovering")
        await site.counter.listen()
        await counter_state(statuses, "live")
        done = await trade(terminal)

        first, *again = reports_with(site, investor, collected)
    assert done.investor_id == investor
    assert [_of_the_terminal(line) for line in again] == [_of_the_terminal(first)]


async def test_the_ledger_has_every_report_that_was_made_again(site: Site) -> None:
    """Announced and answered once for each login, all for the same terminal session."""
    collected = await collect_now()
    async with site.logged_in(INVESTORS[0], collected) as terminal:
        statuses = terminal.statuses()
        for _ in range(2):
            site.counter.control.drop()
            await counter_state(statuses, "live")

    session = session_of(site, collected)
    mine = [entry for entry in site.relay.ledger() if entry.session == session]
    announced = [entry.data["system_info_sha256"] for entry in mine if entry.kind == "terminal_report"]
    results = [entry.data["return_code"] for entry in mine if entry.kind == "terminal_report_result"]
    assert announced == [hashlib.sha256(collected.system_info).hexdigest()] * 3
    assert results == [0, 0, 0]


async def test_every_terminal_online_is_reported_again(site: Site) -> None:
    """Three terminals, one restart: each is reported again with its own bytes, and all three trade."""
    collected = {investor: await collect_now() for investor in INVESTORS[:3]}
    async with AsyncExitStack() as stack:
        terminals = {}
        for investor, own in collected.items():
            terminals[investor] = await stack.enter_async_context(site.logged_in(investor, own))
        statuses = {investor: terminal.statuses() for investor, terminal in terminals.items()}

        await site.counter.stop_listening()
        await site.counter.listen()
        for investor, terminal in terminals.items():
            await counter_state(statuses[investor], "live")
            assert (await trade(terminal)).investor_id == investor

        assert [len(reports_with(site, investor, own)) for investor, own in collected.items()] == [2, 2, 2]


async def test_a_terminal_that_left_is_not_reported_again(site: Site) -> None:
    """Only who is online when the front is back is reported to it."""
    stayed, left = await collect_now(), await collect_now()
    async with site.logged_in(INVESTORS[1], stayed) as stays:
        async with site.terminal() as leaves:
            await log_in(leaves, INVESTORS[2], left)
        statuses = stays.statuses()

        site.counter.control.drop()
        await counter_state(statuses, "live")
        await trade(stays)

        assert len(reports_with(site, INVESTORS[1], stayed)) == 2
        assert len(reports_with(site, INVESTORS[2], left)) == 1


def _of_the_terminal(line: dict[str, object]) -> dict[str, object]:
    """What a report says about the terminal, which a new login of the relay does not change."""
    names = (
        "kind",
        "user_id",
        "terminal_app_id",
        "terminal_ip",
        "terminal_port",
        "terminal_login_time",
        "inner_sha256",
    )
    return {name: line[name] for name in names}


async def test_the_report_comes_before_everything_else_of_the_new_session(site: Site) -> None:
    """In many-to-many before the login, in many-to-one right after the operator's: what the guide demands."""
    collected = await collect_now()
    async with site.logged_in(INVESTORS[0], collected) as terminal:
        statuses, known = terminal.statuses(), len(steps_to_live(site, collected))
        site.counter.control.drop()
        await counter_state(statuses, "live")

    # By kind and session, since the commands that made the site ready have a chain of their own behind the relay's.
    steps = ["counter_authenticate", "terminal_report", "counter_login"]
    kinds = steps_to_live(site, collected)[known:]
    assert kinds == (steps if site.mode is Mode.MANY_TO_MANY else [steps[0], steps[2], steps[1]])


def steps_to_live(site: Site, collected: Collected) -> list[str]:
    """What the ledger has of the way to a live session, of this terminal and of the operator, in order."""
    mine = session_of(site, collected)
    steps = {"counter_authenticate", "terminal_report", "counter_login"}
    entries = [entry for entry in site.relay.ledger() if entry.kind in steps]
    return [entry.kind for entry in entries if entry.session == mine or entry.session.startswith("operator")]
