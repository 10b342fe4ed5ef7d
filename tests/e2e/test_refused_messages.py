"""What a terminal may not say: every message out of turn, too large or unreadable ends its own stream, by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ctprelay.ctp.v1 import requests_pb2
from ctprelay.ctp.v1 import structs_pb2 as ctp
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from relay.outside_text import is_plain
from terminal_client import RelayTerminal
from tests.e2e.conftest import StartRelay
from tests.e2e.raw_stream import RawStream
from tests.e2e.refusals import rejected
from tests.e2e.relay_process import run_command
from tests.e2e.site import INVESTORS, TERMINAL, Site, collect_now, login_message, resume_message

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUERY = pb.TerminalMessage(
    call=pb.Call(request_id=1, request=requests_pb2.Request(qry_trading_account=ctp.QryTradingAccount()))
)
HELLO = pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id=TERMINAL))
TOO_LARGE = pb.TerminalMessage(login=pb.Login(system_info=bytes(100_000)))
RESUME = pb.TerminalMessage(resume=pb.Resume(resume_token=bytes(32)))


@asynccontextmanager
async def logged_in(site: Site) -> AsyncIterator[RawStream]:
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        await stream.log_in(login_message(challenge, INVESTORS[0], await collect_now()))
        yield stream


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (QUERY, "not_logged_in"),
        (pb.TerminalMessage(logout=pb.Logout()), "unexpected_message"),
        (pb.TerminalMessage(login=pb.Login()), "unexpected_message"),
        (RESUME, "unexpected_message"),
        (pb.TerminalMessage(hello=pb.Hello(protocol=2, app_id=TERMINAL)), "protocol_unsupported"),
        (pb.TerminalMessage(), "request_malformed"),
        (b"\xff\xfe\x00garbage\x00" * 50, "request_malformed"),
        (TOO_LARGE, "message_too_large"),
    ],
    ids=["call", "logout", "login", "resume", "protocol", "empty", "garbage", "large"],
)
async def test_instead_of_hello(
    site: Site, bystander: RelayTerminal, message: pb.TerminalMessage | bytes, reason: str
) -> None:
    """The first word must be a hello in protocol 1."""
    async with site.raw() as stream:
        refusal = await rejected(site, bystander, stream, message)

    assert refusal.reason == refusal.ledger["reason"] == reason
    assert refusal.terminal.advice


OUTSIDE = "a\x1b[2J\x9b31m\u202e\u2028[red]b\n"


@pytest.mark.parametrize(
    ("message", "member"),
    [
        (pb.Hello(protocol=1, app_id=OUTSIDE), "app_id"),
        (pb.Hello(protocol=1, app_id=f"{TERMINAL}@"), "app_id"),
        (pb.Hello(protocol=1, app_id=TERMINAL, client_version=OUTSIDE), "client_version"),
        (pb.Login(collector_version=OUTSIDE), "collector_version"),
        (pb.Login(login_remark=OUTSIDE), "login_remark"),
        (pb.Login(mac_address=OUTSIDE), "mac_address"),
        (pb.Login(investor_id=OUTSIDE), "investor_id"),
        (pb.Login(broker_id=OUTSIDE), "broker_id"),
    ],
    ids=["app id", "app id with @", "client version", "collector version", "remark", "mac", "investor", "broker"],
)
async def test_what_a_terminal_calls_itself(
    site: Site, bystander: RelayTerminal, message: pb.Hello | pb.Login, member: str
) -> None:
    """Refused by the member's name before it is used; log and ledger have nothing in them that moves a screen."""
    async with site.raw() as stream:
        if isinstance(message, pb.Login):
            await stream.hello(TERMINAL)
            refusal = await rejected(site, bystander, stream, pb.TerminalMessage(login=message))
        else:
            refusal = await rejected(site, bystander, stream, pb.TerminalMessage(hello=message))

    assert refusal.reason == refusal.ledger["reason"] == "request_malformed"
    assert member in refusal.terminal.message
    assert is_plain(str(refusal.ledger))
    assert all(map(is_plain, site.relay.output.split("\n")))
    exported = run_command(site.relay.directory, "ledger", "export", "-c", site.relay.config.name)
    assert all(map(is_plain, exported.stdout.split("\n")))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (QUERY, "not_logged_in"),
        (HELLO, "unexpected_message"),
        (RESUME, "resume_not_proved"),
        (b"\x12\xff\xff\xff\xff\x0f", "request_malformed"),
        (TOO_LARGE, "message_too_large"),
    ],
    ids=["call", "hello", "resume", "garbage", "large"],
)
async def test_instead_of_a_login(
    site: Site, bystander: RelayTerminal, message: pb.TerminalMessage | bytes, reason: str
) -> None:
    """After the challenge only a login, or the resume of a session there is, is taken."""
    async with site.raw() as stream:
        await stream.hello(TERMINAL)
        refusal = await rejected(site, bystander, stream, message)

    assert refusal.ledger["reason"] == reason
    assert refusal.reason == ("session_gone" if reason == "resume_not_proved" else reason)


async def test_a_proved_resume_of_no_session(site: Site, bystander: RelayTerminal) -> None:
    """The same words as without the proof."""
    async with site.raw() as stream:
        message = resume_message(await stream.hello(TERMINAL), bytes(32))
        refusal = await rejected(site, bystander, stream, message)

    assert refusal.reason == refusal.ledger["reason"] == "session_gone"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (HELLO, "unexpected_message"),
        (pb.TerminalMessage(login=pb.Login()), "unexpected_message"),
        (RESUME, "unexpected_message"),
        (b"\x1a\x7f\x08", "request_malformed"),
        (TOO_LARGE, "message_too_large"),
    ],
    ids=["hello", "login", "resume", "garbage", "large"],
)
async def test_instead_of_a_call(
    site: Site, bystander: RelayTerminal, message: pb.TerminalMessage | bytes, reason: str
) -> None:
    """A session that gets a second login, or what is no message, is over; the others trade on."""
    async with logged_in(site) as stream:
        refusal = await rejected(site, bystander, stream, message)

    assert refusal.reason == refusal.ledger["reason"] == reason


async def test_an_answer_to_an_earlier_challenge(site: Site, bystander: RelayTerminal) -> None:
    """A recorded proof is worth nothing on another stream: each stream has its own challenge."""
    async with site.raw() as stream:
        challenge = await stream.hello(TERMINAL)
        recorded = login_message(challenge, INVESTORS[0], await collect_now())
        await stream.log_in(recorded)
        await stream.send(pb.TerminalMessage(logout=pb.Logout()))
        await stream.receive_until("goodbye")

    recorded.system_info = (await collect_now()).system_info
    async with site.raw() as stream:
        await stream.hello(TERMINAL)
        refusal = await rejected(site, bystander, stream, pb.TerminalMessage(login=recorded))

    assert (refusal.reason, refusal.ledger["reason"]) == ("terminal_not_accepted", "challenge_replayed")


async def test_a_challenge_that_is_not_answered_in_time(start_site: StartRelay) -> None:
    """The stream ends with the reason, and the ledger has it; the time does not run on during a slow login."""
    site = await start_site(Mode.MANY_TO_MANY, listen__hello_timeout_seconds=2.0)
    collected = await collect_now()

    async with site.raw() as stream:
        await stream.hello(TERMINAL)
        refusal = await stream.rejection()
    site.counter.control.delay("OnRspUserLogin", 3.0, times=1)
    async with site.logged_in(INVESTORS[0], collected) as terminal:
        await asyncio.sleep(0)
        assert terminal.info is not None

    assert refusal.reason == "challenge_expired"
    assert [entry["reason"] for entry in site.relay.refusals()] == ["challenge_expired"]
