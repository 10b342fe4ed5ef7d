"""A front that goes down and comes back: every terminal is reported again, with its own bytes, before it trades on."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from relay.counter.port import Mode
from tests.e2e.site import INVESTORS, Site, collect_now, counter_state, eventually, log_in, trade

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_front_that_restarts_during_a_session(site: Site) -> None:
    """The terminal is told, then live again by itself; its report was made again, and its next order trades."""
    investor, collected = INVESTORS[0], await collect_now()
    async with site.logged_in(investor, collected) as terminal:
        reported = len(site.reports_of(investor))
        statuses = terminal.statuses()

        await site.counter.stop_listening()
        await counter_state(statuses, "recovering")
        await site.counter.listen()
        await counter_state(statuses, "live")
        done = await trade(terminal)

        stored = site.counter.tmdb.reports(user_id=investor)[reported:]
        first, *again = site.reports_of(investor)[reported - 1 :]
    assert done.investor_id == investor
    assert [row.inner_info for row in stored] == [collected.system_info]
    assert _of_the_terminal(again[0]) == _of_the_terminal(first)


async def test_the_ledger_has_every_report_that_was_made_again(site: Site) -> None:
    """Announced and answered once for each login, all for the same terminal session."""
    collected = await collect_now()
    async with site.logged_in(INVESTORS[0], collected) as terminal:
        statuses = terminal.statuses()
        for _ in range(2):
            site.counter.control.drop()
            await counter_state(statuses, "live")

    entries = site.relay.ledger()
    announced = [e for e in entries if e.kind == "terminal_report"]
    mine = [
        e for e in announced if e.data["system_info_length"] == collected.length and e.session == announced[-1].session
    ]
    results = [
        e.data["return_code"] for e in entries if (e.kind, e.session) == ("terminal_report_result", mine[-1].session)
    ]
    assert len({e.data["system_info_sha256"] for e in mine}) == 1
    assert results == [0, 0, 0]


async def test_every_terminal_online_is_reported_again(site: Site) -> None:
    """Three terminals, one restart: three reports with three different contents, and all three trade."""
    collected = {investor: await collect_now() for investor in INVESTORS[:3]}
    async with AsyncExitStack() as stack:
        terminals = {}
        for investor, own in collected.items():
            terminals[investor] = await stack.enter_async_context(site.logged_in(investor, own))
        before = {investor: len(site.reports_of(investor)) for investor in collected}
        statuses = {investor: terminal.statuses() for investor, terminal in terminals.items()}

        await site.counter.stop_listening()
        await site.counter.listen()
        for investor, terminal in terminals.items():
            await counter_state(statuses[investor], "live")
            assert (await trade(terminal)).investor_id == investor

        for investor, own in collected.items():
            again = site.counter.tmdb.reports(user_id=investor)[before[investor] :]
            assert [row.inner_info for row in again] == [own.system_info]


async def test_a_terminal_that_left_is_not_reported_again(site: Site) -> None:
    """Only who is online when the front is back is reported to it."""
    async with site.logged_in(INVESTORS[1]) as stays:
        async with site.terminal() as leaves:
            await log_in(leaves, INVESTORS[2])
        sessions = 1
        await eventually("the other is gone", lambda: _online(site) == sessions)
        before = len(site.reports_of(INVESTORS[2]))
        statuses = stays.statuses()

        site.counter.control.drop()
        await counter_state(statuses, "live")
        await trade(stays)

        assert len(site.reports_of(INVESTORS[2])) == before


def _online(site: Site) -> int:
    """How many sessions are logged in at the counter: one for each terminal, or the operator's."""
    return len(site.counter.control.status()["logged_in"])


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
    async with site.logged_in(INVESTORS[0]) as terminal:
        statuses, known = terminal.statuses(), len(site.relay.ledger())
        site.counter.control.drop()
        await counter_state(statuses, "live")

    steps = ["counter_authenticate", "terminal_report", "counter_login"]
    kinds = [entry.kind for entry in site.relay.ledger()[known:] if entry.kind in steps]
    wanted = steps if site.mode is Mode.MANY_TO_MANY else [steps[0], steps[2], steps[1]]
    assert kinds == wanted
