"""Who may have a market data stream: the conversation over real sessions behind an open door, with a played counter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from ctprelay.v1 import market_pb2 as pb
from ctprelay.v1 import terminal_pb2
from relay.admission.origin.trusted_proxies import Origin
from relay.faults.faults import Faults
from relay.market_data.book import BookBounds
from relay.market_data.hub import HubSettings, MarketHub
from relay.market_data.stream import MarketStream
from relay.refusals import login_reasons
from relay.sessions.endings import Ending, EndKind
from relay.sessions.session import TerminalSession
from relay.sessions.stream import StreamSettings
from tests.relay.evidence import KeptEvidence
from tests.relay.market_data.played_source import PlayedSource
from tests.relay.sessions.played_counter import ORIGIN, PROOF, House, applicant, proof

ELSEWHERE = Origin(ip_address("203.0.113.9"), 40000)


class Market:
    """A house with market data, and streams to it."""

    def __init__(self, kept: KeptEvidence, hub: MarketHub) -> None:
        self.house, self.hub = House(kept), hub
        self.house.sessions.market_port = 0

    async def session(self, name: str = "s-1", app_id: str = "terminal_1.0") -> TerminalSession:
        return await self.house.sessions.admit(applicant(name, app_id=app_id))

    def stream(self, origin: Origin = ORIGIN) -> MarketStream:
        clock = asyncio.get_running_loop().time
        return MarketStream(origin, self.house.sessions, self.hub, clock, StreamSettings("1", 30.0, 1 << 20))

    async def ask_in(
        self,
        token: bytes,
        *,
        app_id: str = "terminal_1.0",
        answer: bytes = PROOF,
        origin: Origin = ORIGIN,
    ) -> MarketStream:
        """A stream that has said hello and shown this token."""
        stream = self.stream(origin)
        await stream.receive(pb.MarketDataRequest(hello=terminal_pb2.Hello(protocol=1, app_id=app_id)))
        await stream.receive(pb.MarketDataRequest(attach=pb.AttachMarketData(token=token, auth_info=answer)))
        return stream


def token_of(session: TerminalSession) -> bytes:
    assert session.market_data is not None
    return session.market_data.token


async def said(stream: MarketStream) -> list[pb.MarketDataMessage]:
    """Everything that waits behind the challenge."""
    messages: list[pb.MarketDataMessage] = []
    async with asyncio.timeout(10):
        while stream.outbox._waiting:
            messages += pb.MarketDataBatch.FromString(await stream.outbox.next_batch() or b"").messages
    return messages[1:]


def kinds(messages: list[pb.MarketDataMessage]) -> list[str | None]:
    return [message.WhichOneof("body") for message in messages]


@pytest.fixture
async def market(kept: KeptEvidence) -> AsyncIterator[Market]:
    settings = HubSettings(BookBounds(of_a_reader=3, in_all=9), capacity=2, required=False)
    async with MarketHub(PlayedSource(), Faults(), settings) as hub:
        yield Market(kept, hub)


async def test_the_token_of_a_session_opens_its_market_data(market: Market) -> None:
    session = await market.session()

    stream = await market.ask_in(token_of(session))

    assert kinds(await said(stream)) == ["attached"]
    assert list(session.followers) == [stream.outbox]
    await stream.ended()
    assert session.followers == {}
    assert not session.ending


async def test_whatever_is_wrong_gets_one_answer(market: Market) -> None:
    """Wrong or empty tokens and proofs, another app id's terminal, another address, and the token for resumes."""
    session, other = await market.session("s-1"), await market.session("s-2", "terminal_2.0")
    streams = [
        await market.ask_in(b"x" * 32),
        await market.ask_in(b""),
        await market.ask_in(session.resume_token),
        await market.ask_in(token_of(session), answer=b"wrong"),
        await market.ask_in(token_of(session), app_id="terminal_2.0"),
        await market.ask_in(token_of(other)),
        await market.ask_in(token_of(session), origin=ELSEWHERE),
    ]

    answers = [await said(stream) for stream in streams]

    assert [kinds(answer) for answer in answers] == [["rejected"]] * len(streams)
    assert len({answer[0].SerializeToString() for answer in answers}) == 1
    assert market.hub.readers == 0


async def test_a_session_that_is_over_has_no_market_data(market: Market) -> None:
    """Its token is as good as none."""
    session = await market.session()
    token = token_of(session)
    await session.end(Ending(EndKind.LOGGED_OUT))

    stream = await market.ask_in(token)

    assert [message.rejected.reason for message in await said(stream)] == ["session_gone"]


async def test_a_session_that_begins_to_end_while_its_token_is_looked_up(market: Market) -> None:
    """Nothing is attached to it: there would be no moment any more that ends the stream."""
    session = await market.session()

    class EndsIt:
        async def refusal(self, _: object) -> None:
            session.end_soon(Ending(EndKind.KICKED))

    market.house.sessions.revocations = EndsIt()  # type: ignore[assignment]
    stream = await market.ask_in(token_of(session))

    assert [message.rejected.reason for message in await said(stream)] == ["session_gone"]
    assert (market.hub.readers, session.followers) == (0, {})


async def test_a_disabled_terminal_gets_no_market_data(market: Market) -> None:
    """Also where it was disabled a moment ago; its session ends."""
    session = await market.session()
    market.house.revoked.why = login_reasons.terminal_disabled(app_id="terminal_1.0")

    stream = await market.ask_in(token_of(session))

    assert kinds(await said(stream)) == ["rejected"]
    assert session.ending


async def test_a_resume_leaves_the_stream_as_it_is(market: Market) -> None:
    """And the token is the same."""
    session = await market.session()
    token = token_of(session)
    stream = await market.ask_in(token)

    await market.house.sessions.resume(proof(), session.resume_token, lambda: None)

    assert not stream.outbox.closed
    assert token_of(session) == token
    assert list(session.followers) == [stream.outbox]


async def test_the_relays_bounds_can_change_while_streams_are_open(market: Market) -> None:
    """What is subscribed beyond the new bound stays; the next name is refused by it."""
    stream = await market.ask_in(token_of(await market.session()))
    change = pb.ChangeSubscriptions(change_id=1, feed=pb.FEED_DEPTH, instrument_ids=["a", "b", "c"])
    await stream.receive(pb.MarketDataRequest(change=change))

    market.hub.take_bounds(BookBounds(of_a_reader=4, in_all=3), 77)
    later = pb.ChangeSubscriptions(change_id=2, feed=pb.FEED_DEPTH, instrument_ids=["d"])
    await stream.receive(pb.MarketDataRequest(change=later))

    *_, answer = await said(stream)
    assert answer.changed.subscribed == 3
    assert [one.rejected.reason for one in answer.changed.refused] == ["market_data_full"]
    assert stream.outbox.pending.capacity == 77


async def test_the_largest_change_of_names_that_are_none_is_answered(market: Market) -> None:
    """Its answer is larger than the change, and still within what may wait."""
    stream = await market.ask_in(token_of(await market.session()))
    names = [f"\n{'x' * 120}{number}" for number in range(2000)]
    change = pb.ChangeSubscriptions(change_id=1, feed=pb.FEED_DEPTH, instrument_ids=names)

    async with asyncio.timeout(10):
        taking = asyncio.ensure_future(stream.receive(pb.MarketDataRequest(change=change)))
        await asyncio.sleep(0)
        answer = (await said(stream))[-1]
        await taking

    assert len(answer.changed.refused) == 2000
    assert not stream.outbox.overrun.is_set()
