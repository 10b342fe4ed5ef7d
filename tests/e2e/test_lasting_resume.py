"""A session outlives its connection: nothing is lost, doubled or shown to somebody else, and what is gone is said."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from ctprelay.ctp.v1 import requests_pb2 as requests
from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import Mode
from relay.refusals import stream_reasons
from relay.sessions import frames
from simcounter import demo_accounts
from terminal_client import Credentials, RelayTerminal, Status, Tls
from terminal_client.secret import Secret
from terminal_client.session import CredentialsProvider, Deadlines
from terminal_client.subscriptions import Subscription
from tests.e2e.broken_network import Way, way_to
from tests.e2e.conftest import StartRelay
from tests.e2e.order_notices import number_of, numbers_until, tell_orders
from tests.e2e.raw_stream import RawStream, open_raw
from tests.e2e.site import (
    AUTH_CODE,
    BROKER,
    INVESTORS,
    OTHER_MODE_TERMINAL,
    TERMINAL,
    Site,
    collect_now,
    eventually,
    first,
    log_in,
    login_message,
    resume_message,
    trade,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_SESSION = frames.rejection(stream_reasons.session_gone())
"""in these words and no others"""
QUICK = Deadlines(first_retry_seconds=0.02, longest_retry_seconds=0.2)


def terminal_on(way: Way, site: Site, provider: CredentialsProvider | None = None) -> RelayTerminal:
    return RelayTerminal(
        way.address,
        app_id=TERMINAL,
        auth_code=AUTH_CODE,
        tls=Tls(ca_file=site.tls.authority),
        deadlines=QUICK,
        credentials=provider,
    )


async def stream_is(statuses: Subscription[Status], state: str) -> Status:
    return await first(statuses, lambda item: (item.of, item.state) == ("relay", state))


async def test_a_connection_that_breaks_again_and_again(site: Site) -> None:
    """Order notices flow on meanwhile: the terminal gets each of them once and in order, and trades on."""
    investor, enough = INVESTORS[0], asyncio.Event()
    async with way_to(site.relay.port) as way, terminal_on(way, site) as terminal:
        await log_in(terminal, investor)
        orders, progress, statuses = terminal.orders(100_000), terminal.orders(100_000), terminal.statuses()
        flow = asyncio.ensure_future(_tell_until(enough, site, investor))
        for _ in range(3):
            await first(progress, lambda order: number_of(order) is not None)
            way.cut()
            await stream_is(statuses, "reconnecting")
            assert not (await stream_is(statuses, "live")).lost_history
        enough.set()
        await flow
        last = 1_000_000
        await tell_orders(site, investor, [last])

        numbered = await numbers_until(orders, last)
        assert numbered == [*range(1, len(numbered)), last]
        assert (await trade(terminal)).investor_id == investor
        assert terminal.info is not None
        assert terminal.info.resumed


async def test_events_are_numbered_without_gaps_across_streams(site: Site) -> None:
    """A resume continues the very sequence: the next number is the one behind the last the terminal had."""
    investor = INVESTORS[1]
    async with site.raw() as stream:
        logged_in = await _raw_login(stream, investor)
        await tell_orders(site, investor, range(1, 11))
        had = await _events(stream, until=5)

    await tell_orders(site, investor, range(11, 21))
    async with site.raw() as stream:
        again = await _resume(stream, logged_in.resume_token, had[-1].sequence)
        rest = await _events(stream, until=20)
        await _leave(stream)

    assert again.resumed
    assert not again.lost_history
    sequences = [message.sequence for message in (*had, *rest)]
    assert sequences == list(range(1, len(sequences) + 1))
    assert (again.front_id, again.session_id) == (logged_in.front_id, logged_in.session_id)


async def test_history_that_is_no_longer_kept_is_said_to_be_lost(start_site: StartRelay) -> None:
    """With room for five events the terminal learns that it missed some, and gets the last five."""
    site = await start_site(Mode.MANY_TO_ONE, sessions__journal_events=5)
    investor = INVESTORS[0]
    async with way_to(site.relay.port) as way, terminal_on(way, site) as terminal:
        await log_in(terminal, investor)
        orders, statuses = terminal.orders(), terminal.statuses()
        await tell_orders(site, investor, [1])
        assert await numbers_until(orders, 1) == [1]
        way.close()
        await stream_is(statuses, "reconnecting")
        async with site.terminal() as witness:
            heard = witness.orders()
            await log_in(witness, investor)
            await tell_orders(site, investor, range(2, 22))
            await numbers_until(heard, 21)
        way.open()

        assert (await stream_is(statuses, "live")).lost_history
        assert await numbers_until(orders, 21) == [17, 18, 19, 20, 21]


@pytest.mark.parametrize(
    "thief", ["from another address", "as another terminal software", "with another token", "without the auth code"]
)
async def test_a_session_is_resumed_by_its_own_terminal_only(site: Site, thief: str) -> None:
    """A stolen token is of no use elsewhere; the refusal tells nothing, and the owner still resumes."""
    investor = INVESTORS[2]
    source = "127.0.0.2" if thief == "from another address" else "127.0.0.1"
    code = "ANOTHER-AUTHCODE" if thief == "without the auth code" else AUTH_CODE
    app_id = OTHER_MODE_TERMINAL if thief == "as another terminal software" else TERMINAL
    async with site.raw() as stream:
        logged_in = await _raw_login(stream, investor)
    token = bytes(32) if thief == "with another token" else logged_in.resume_token

    async with way_to(site.relay.port, source) as way, open_raw(way.port, site.tls.authority.read_bytes()) as stream:
        await stream.send(resume_message(await stream.hello(app_id), token, 0, code))
        refusal = await stream.rejection()

    assert refusal == NO_SESSION
    async with site.raw() as stream:
        assert (await _resume(stream, logged_in.resume_token, 0)).resumed
        await _leave(stream)


async def test_an_app_id_that_is_not_registered_learns_nothing_of_a_resume(site: Site) -> None:
    """The same words again; and without any answer to the challenge."""
    for app_id, message in (
        ("unknown_1.0", resume_message(bytes(128), bytes(32))),
        (TERMINAL, pb.TerminalMessage(resume=pb.Resume(resume_token=bytes(32)))),
    ):
        async with site.raw() as stream:
            await stream.hello(app_id)
            await stream.send(message)

            assert await stream.rejection() == NO_SESSION


async def test_each_resume_gives_another_token_and_ends_the_one_before(site: Site) -> None:
    """A token that was seen once, in a memory dump say, is worth nothing when its terminal has resumed and spoken."""
    investor = INVESTORS[2]
    async with site.raw() as stream:
        tokens = [(await _raw_login(stream, investor)).resume_token]
    for _ in range(2):
        async with site.raw() as stream:
            tokens.append((await _resume(stream, tokens[-1], 0)).resume_token)
    for old in tokens[:1]:  # resumed with the one after it, so it has ended
        assert await _refusal(site, old) == NO_SESSION
    async with site.raw() as stream:
        tokens.append((await _resume(stream, tokens[-1], 0)).resume_token)
        await stream.send(pb.TerminalMessage(call=_harmless()))
        await stream.receive_until("call_result")

        for old in tokens[:-1]:
            assert await _refusal(site, old) == NO_SESSION
        await _leave(stream)
    assert len(set(tokens)) == len(tokens)


async def test_a_resume_whose_answer_was_lost_loses_no_session(site: Site) -> None:
    """The terminal has the old token only; it stays good until the terminal has the new one, and ends the lost one."""
    async with site.raw() as stream:
        first_token = (await _raw_login(stream, INVESTORS[2])).resume_token
    async with site.raw() as stream:
        lost = (await _resume(stream, first_token, 0)).resume_token

    async with site.raw() as stream:
        again = await _resume(stream, first_token, 0)

        assert again.resumed
        assert await _refusal(site, lost) == NO_SESSION
        await _leave(stream)


async def test_a_terminal_that_stays_away_too_long_logs_in_anew(start_site: StartRelay) -> None:
    """After the linger time the session is gone from the counter; the terminal comes back by a full login, reported."""
    site = await start_site(Mode.MANY_TO_MANY, sessions__linger_seconds=0.2)
    investor = INVESTORS[0]
    asked: list[str] = []

    async def provide() -> Credentials:
        asked.append(investor)
        password = Secret(demo_accounts.password_of(investor))
        return Credentials(BROKER, investor, password, await collect_now(), confirm_settlement=True)

    async with way_to(site.relay.port) as way, terminal_on(way, site, provide) as terminal:
        before = await log_in(terminal, investor)
        statuses = terminal.statuses()
        way.close()
        await stream_is(statuses, "reconnecting")
        await eventually("the session is given up", lambda: site.counter.control.status()["logged_in"] == [])
        way.open()
        await stream_is(statuses, "live")
        done = await trade(terminal)

        assert terminal.info is not None
        assert not terminal.info.resumed
        assert terminal.info.session_id != before.session_id
    assert asked == [investor]
    assert (done.investor_id, len(site.reports_of(investor))) == (investor, 2)


async def _tell_until(enough: asyncio.Event, site: Site, investor: str) -> None:
    """Slowly enough that what is kept for a resume lasts for many seconds."""
    for number in itertools.count(1):
        if enough.is_set():
            return
        await tell_orders(site, investor, [number])
        await asyncio.sleep(0.001)


async def _raw_login(stream: RawStream, investor_id: str) -> pb.LoggedIn:
    challenge = await stream.hello(TERMINAL)
    login = login_message(challenge, investor_id, await collect_now())
    login.start_from = pb.START_FROM_NOW
    return await stream.log_in(login)


async def _resume(stream: RawStream, token: bytes, after: int) -> pb.LoggedIn:
    await stream.send(resume_message(await stream.hello(TERMINAL), token, after))
    answer: pb.LoggedIn = await stream.receive_until("logged_in")
    return answer


async def _refusal(site: Site, token: bytes) -> pb.Rejected:
    async with site.raw() as stream:
        await stream.send(resume_message(await stream.hello(TERMINAL), token))
        return await stream.rejection()


def _harmless() -> pb.Call:
    request = requests.Request()
    request.qry_trading_account.SetInParent()
    return pb.Call(request_id=1, request=request)


async def _leave(stream: RawStream) -> None:
    await stream.send(pb.TerminalMessage(logout=pb.Logout()))
    await stream.receive_until("goodbye")


async def _events(stream: RawStream, until: int) -> list[pb.RelayMessage]:
    """Everything that has a sequence, up to the order notice of this number."""
    messages: list[pb.RelayMessage] = []
    while (message := await stream.receive()) is not None:
        if message.sequence:
            messages.append(message)
        if message.WhichOneof("body") == "event" and number_of(message.event.rtn_order) == until:
            return messages
    raise AssertionError("the stream ended")
