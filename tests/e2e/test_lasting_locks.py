"""The relay locks a failing name before CTP locks all terminals behind it; sessions and other logins are not affected."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.known_places import KnownPlaces
from relay.cli.app import app
from relay.cli.workplace import now
from relay.counter.port import Investor, Mode
from relay.database.database import open_database
from relay.directory.access import DirectoryAccess
from simcounter import demo_accounts
from simcounter.errors_text import text_of
from terminal_client import LoginRejected, Refusal
from tests.e2e.broken_network import Way, way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.refusals import Attempt
from tests.e2e.secrecy import NEW_PASSWORD, WRONG_AUTH_CODE
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    DEADLINE_SECONDS,
    INVESTORS,
    TERMINAL,
    Site,
    collect_now,
    eventually,
    log_in,
    login_message,
    many_to_many_only,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

CTP_LOCKS_AT = 6
CODES = (AUTH_CODE, WRONG_AUTH_CODE)
both_modes = pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)


async def refusal(site: Site, attempt: Attempt) -> Refusal:
    with pytest.raises(LoginRejected) as caught:
        await attempt.log_in(site, await collect_now())
    return caught.value.refusal


@both_modes
async def test_an_investor_whose_password_is_guessed(start_site: StartRelay, mode: Mode) -> None:
    """Locked at the relay with the time to wait, also with the right password, while its live session trades on."""
    site = await start_site(mode, limits__login_failures_per_investor=3, limits__lock_out_seconds=3600.0)
    guess = Attempt(password="guessed-0001")
    async with site.terminal() as lives:
        await log_in(lives, INVESTORS[0])
        before = site.called("ReqUserLogin")
        guesses = [await refusal(site, guess) for _ in range(3)]
        locked = [await refusal(site, guess), await refusal(site, Attempt())]
        await trade(lives)
        async with site.logged_in(INVESTORS[1]) as other:
            await trade(other)

    assert [item.code for item in guesses] == [3, 3, 3]
    assert [item.reason for item in locked] == ["locked_out", "locked_out"]
    assert all(0 < item.retry_after_seconds <= 3600 for item in locked)
    logins = site.called("ReqUserLogin") - before
    assert logins == (3 + 1 if mode is Mode.MANY_TO_MANY else 0)
    assert logins < CTP_LOCKS_AT


@both_modes
async def test_an_address_that_tries_one_investor_after_the_other_is_slowed(start_site: StartRelay, mode: Mode) -> None:
    """No login is refused there, only late; the operator of the relay sees it; elsewhere it is not noticed."""
    site = await start_site(mode, limits__failures_before_slowing_address=3, limits__slowest_login_seconds=0.2)
    async with way_to(site.relay.port, "127.0.0.2") as way:
        codes = []
        for investor in INVESTORS[:4]:
            async with open_from(site, way) as stream:
                codes.append((await guess_on(stream, investor)).code)
        slowed = await locks(site, "list")
        async with open_from(site, way) as stream:
            assert (await answer_to(stream, INVESTORS[4 % len(INVESTORS)])).WhichOneof("body") == "logged_in"
    for investor in INVESTORS[:4]:
        async with site.logged_in(investor) as terminal:
            await trade(terminal)

    assert codes == [3] * 4
    assert [(row["subject"], row["name"]) for row in slowed] == [("address_slowed", "127.0.0.2")]
    assert await locks(site, "lift", "127.0.0.2", "--reason", "seen")
    assert await locks(site, "list") == []


@both_modes
async def test_strangers_with_an_auth_code_shut_an_investor_out_of_no_place(start_site: StartRelay, mode: Mode) -> None:
    """They guess from one address after the other. His right password gets in at a new address as well as at his own.

    In many-to-many few of their guesses reach the counter; in many-to-one he is slowed at new addresses. The operator of the
    relay sees it and lifts it; others of the same software notice nothing.
    """
    site = await start_site(
        mode,
        limits__login_failures_at_counter=5,
        limits__failures_before_slowing_investor=3 if mode is Mode.MANY_TO_ONE else 1000,
        limits__slowest_login_seconds=0.2,
    )
    investor, other, codes = INVESTORS[0], INVESTORS[1], []
    async with site.logged_in(investor):
        await eventually("the relay knows the investor from here", lambda: is_known(site, investor, "127.0.0.1"))
    before = site.called("ReqUserLogin")
    for number in range(2, 7):
        async with way_to(site.relay.port, f"127.0.0.{number}") as way, open_from(site, way) as stream:
            codes.append((await guess_on(stream, investor)).code)
    reached = site.called("ReqUserLogin") - before
    seen = await locks(site, "list")
    many_to_many = mode is Mode.MANY_TO_MANY

    assert codes == ([3, 3, 0, 0, 0] if many_to_many else [3] * 5)
    assert reached == (2 if many_to_many else 0)
    assert {row["subject"] for row in seen} == {
        "investor_at_counter_from_new_addresses" if many_to_many else "investor_slowed"
    }
    async with way_to(site.relay.port, "127.0.0.9") as way, open_from(site, way) as stream:
        assert (await answer_to(stream, investor)).WhichOneof("body") == "logged_in"
    async with site.logged_in(other), site.logged_in(investor) as at_home:
        await trade(at_home)
    if many_to_many:  # his right password gave all a new count, at CTP and here
        assert await locks(site, "list") == []
        return
    assert await locks(site, "lift", investor, "--reason", "seen")
    lifted = [entry.data for entry in site.relay.ledger() if entry.kind == "admin_locks_lift"]
    assert [(data["through"], data["by"]) for data in lifted] == [("control socket", pwd.getpwuid(os.getuid()).pw_name)]
    assert await locks(site, "list") == []


async def test_slow_logins_of_one_address_leave_room_for_others(start_site: StartRelay) -> None:
    """A guesser with an auth code has half of what there is room for, though the counter never answers; the rest waits."""
    site = await start_site(Mode.MANY_TO_MANY, sessions__max_per_process=4)
    site.counter.control.ignore("ReqUserLogin", times=2)
    collected = [await collect_now() for _ in range(12)]
    async with way_to(site.relay.port, "127.0.0.2") as way, AsyncExitStack() as stack:
        for number, one in enumerate(collected):
            stream = await stack.enter_async_context(open_from(site, way))
            challenge = await stream.hello(TERMINAL)
            await stream.send(pb.TerminalMessage(login=login_message(challenge, INVESTORS[0], one)))
            if number == 0:
                await eventually("one is at the counter", lambda: site.called("ReqUserLogin") == 1)
        await eventually("half of the room is taken", lambda: site.called("ReqUserLogin") == 2)
        async with site.logged_in(INVESTORS[1]) as first, site.logged_in(INVESTORS[2]) as second:
            await trade(first)
            await trade(second)
            assert site.called("ReqUserLogin") == 4, "none of those that wait took a place meanwhile"


async def test_a_password_changed_through_the_relay_is_the_right_one(start_site: StartRelay) -> None:
    """Strangers have guessed; the new password gets in at a new address, and the old one is not sent from there."""
    site, investor = await start_site(Mode.MANY_TO_MANY, limits__login_failures_at_counter=5), INVESTORS[3]
    old = demo_accounts.password_of(investor)
    async with site.logged_in(investor) as terminal:
        change = ctp.UserPasswordUpdate(old_password=old, new_password=NEW_PASSWORD)
        await terminal.requests.user_password_update(change)
    for number in (2, 3):
        async with way_to(site.relay.port, f"127.0.0.{number}") as way, open_from(site, way) as stream:
            assert (await guess_on(stream, investor)).code == 3
    before = site.called("ReqUserLogin")
    async with way_to(site.relay.port, "127.0.0.4") as way, open_from(site, way) as stream:
        assert (await guess_on(stream, investor, old)).reason == "locked_out"
        assert site.called("ReqUserLogin") == before
    async with way_to(site.relay.port, "127.0.0.5") as way, open_from(site, way) as stream:
        assert (await answer_to(stream, investor, NEW_PASSWORD)).WhichOneof("body") == "logged_in"


async def test_what_strangers_send_uses_up_no_try_of_a_stopped_relay(start_site: StartRelay) -> None:
    """The counter refused the relay once. Wrong proofs and made-up system info go on; the first honest login decides."""
    site = await start_site(Mode.MANY_TO_MANY, limits__breaker_pause_seconds=1.0)
    site.counter.control.refuse("ReqUserLogin", 143, times=1)
    assert (await refusal(site, Attempt())).code == 143
    collected, over, heard = await collect_now(), asyncio.Event(), set()

    async def shout(way: Way, auth_code: str) -> None:
        while not over.is_set():
            async with open_from(site, way) as stream:
                challenge = await stream.hello(TERMINAL)
                login = login_message(challenge, INVESTORS[0], collected, auth_code)
                login.system_info = os.urandom(16) + collected.system_info[16:]
                await stream.send(pb.TerminalMessage(login=login))
                heard.add((await stream.rejection()).reason)

    async with way_to(site.relay.port, "127.0.0.2") as first, way_to(site.relay.port, "127.0.0.3") as second:
        shouting = [asyncio.ensure_future(shout(way, code)) for way in (first, second) for code in CODES * 2]
        await until_admitted(site)
        async with site.logged_in(INVESTORS[1]) as terminal:
            await trade(terminal)
        over.set()
        await asyncio.gather(*shouting)

    assert "terminal_not_accepted" in heard
    assert heard - {"terminal_not_accepted"} <= {
        "counter_unavailable", "report_damaged", "system_info_not_genuine", "system_info_stale", "too_many_logins"
    }  # fmt: skip


@pytest.mark.parametrize(("method", "error_id"), [("ReqAuthenticate", 63), ("ReqUserLogin", 143)])
async def test_a_counter_that_refuses_the_relay_is_left_alone(
    start_site: StartRelay, method: str, error_id: int
) -> None:
    """Every further login would make it worse for all: none reaches the counter in the pause; who is in trades on."""
    site = await start_site(Mode.MANY_TO_MANY, limits__breaker_pause_seconds=3600.0)
    async with site.terminal() as lives:
        await log_in(lives, INVESTORS[0])
        site.counter.control.refuse(method, error_id, times=1)
        first = await refusal(site, Attempt(investor_id=INVESTORS[1], password=demo_accounts.password_of(INVESTORS[1])))
        before = site.seen()
        others = await asyncio.gather(*(refusal(site, Attempt(investor_id=investor)) for investor in INVESTORS[2:]))
        await trade(lives)

        assert site.seen() == before
    assert (first.source, first.code) == ("counter", error_id)
    assert text_of(error_id) in first.message
    assert {item.reason for item in others} == {"counter_unavailable"}
    assert all(item.retry_after_seconds for item in others)
    assert all(str(error_id) in item.message for item in others)


@many_to_many_only
async def test_after_the_pause_one_login_tells_whether_all_may_come_again(site: Site) -> None:
    """A pause of 10 ms here: the next login is let through, succeeds, and everybody is admitted again."""
    site.counter.control.refuse("ReqUserLogin", 143, times=1)
    refused = await refusal(site, Attempt())
    await until_admitted(site)
    for investor in INVESTORS[:3]:
        async with site.logged_in(investor) as terminal:
            await trade(terminal)

    assert refused.code == 143


@both_modes
async def test_an_investor_has_only_so_many_sessions(start_site: StartRelay, mode: Mode) -> None:
    """One more is refused with what to do about it; a session that ends makes room; others are not counted."""
    site = await start_site(mode, sessions__max_per_investor=2)
    async with site.logged_in(INVESTORS[0]) as first, site.logged_in(INVESTORS[1]):
        async with site.logged_in(INVESTORS[0]):
            third = await refusal(site, Attempt())
            await trade(first)
        async with site.logged_in(INVESTORS[0]) as again:
            await trade(again)

    assert third.reason == "too_many_sessions"
    assert third.advice


async def until_admitted(site: Site) -> None:
    """As a patient terminal: again, as long as the relay says that the counter is not to be had."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await Attempt().log_in(site, await collect_now())
            except LoginRejected as rejection:
                if rejection.reason != "counter_unavailable":
                    raise


def is_known(site: Site, investor_id: str, place: str) -> bool:
    engine = open_database(SecretStr(f"sqlite:///{site.relay.state_dir / 'relay.sqlite3'}"))
    try:
        with DirectoryAccess(threads=1) as access:
            return KnownPlaces(engine, access, clock=now).find(Investor(BROKER, investor_id), place)
    finally:
        engine.dispose()


async def locks(site: Site, *arguments: str) -> list[dict[str, Any]]:
    """What `ctp-relay locks` says of the running relay."""
    command = ("locks", *arguments, "-c", str(site.relay.config), "--json")
    result = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def open_from(site: Site, way: Way) -> AbstractAsyncContextManager[RawStream]:
    return open_raw(way.port, site.tls.authority.read_bytes())


async def answer_to(stream: RawStream, investor_id: str, password: str = "") -> pb.RelayMessage:
    """The relay's answer to this password, the investor's right one where none is given."""
    challenge = await stream.hello(TERMINAL)
    login = login_message(challenge, investor_id, await collect_now())
    login.password = password or login.password
    await stream.send(pb.TerminalMessage(login=login))
    answer = await stream.receive()
    assert answer is not None
    return answer


async def guess_on(stream: RawStream, investor_id: str, password: str = "guessed-0001") -> pb.Rejected:
    challenge = await stream.hello(TERMINAL)
    login = login_message(challenge, investor_id, await collect_now())
    login.password = password
    await stream.send(pb.TerminalMessage(login=login))
    return await stream.rejection()
