"""Every way a session or its stream ends, with what a terminal reads of it and what the ledger has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.counter.port import LinkCause, LinkState, LinkStatus
from relay.refusals import login_reasons
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import Outbox
from relay.sessions.revocations import end
from relay.sessions.session import TerminalSession
from relay.sessions.stream import Malformed, StreamSettings, TerminalStream
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled
from tests.relay.sessions.played_counter import BROKER, LINGER_SECONDS, ORIGIN, House, PlayedLink, applicant, read

PROTO = Path(__file__).parents[3] / "proto/ctprelay/v1/terminal.proto"
HELLO = pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0"))
LOGIN = pb.TerminalMessage(login=pb.Login(broker_id=BROKER, investor_id="100001", password="geheim"))
SETTINGS = StreamSettings("1.0", hello_timeout_seconds=10.0, outbox_bytes=100_000)


@pytest.fixture
def kept() -> KeptEvidence:
    """A ledger in memory."""
    return KeptEvidence()


class Played:
    """One terminal, logged in on a stream."""

    def __init__(self, house: House, stream: TerminalStream) -> None:
        self.house, self.stream = house, stream
        self.session: TerminalSession = next(iter(house.sessions))
        self.link: PlayedLink = house.counter.links[0]

    @classmethod
    async def logged_in(cls, house: House) -> Played:
        clock = asyncio.get_running_loop().time
        stream = TerminalStream(ORIGIN, house.sessions, house.evidence, clock, SETTINGS)
        for message in (HELLO, LOGIN):
            await asyncio.wait_for(stream.receive(message), 5)
        await settled()
        await read(stream.outbox)
        return cls(house, stream)


async def logout(played: Played) -> None:
    await played.stream.receive(pb.TerminalMessage(logout=pb.Logout()))


async def drained(played: Played) -> None:
    await played.house.sessions.drain(0.01)


async def not_reading(played: Played) -> None:
    while not played.stream.outbox.closed:
        played.link.notice()
        played.stream.outbox.put(bytes(1000))


async def a_fault_of_the_stream(played: Played) -> None:
    played.stream.outbox.close(Ending(EndKind.STREAM_FAULT))  # as rpc.terminal_service does


async def resumed_elsewhere(played: Played) -> None:
    played.session.attach(Outbox(100_000), after_sequence=0)


async def forced_out(played: Played) -> None:
    played.link.say(LinkStatus(LinkState.ENDED, "forced out", cause=LinkCause.COUNTER_LOGGED_OUT))


async def a_fault_of_the_counter_session(played: Played) -> None:
    played.link.say(LinkStatus(LinkState.ENDED, "fault", cause=LinkCause.RELAY_FAULT))


async def disabled(played: Played) -> None:
    end(played.session, login_reasons.terminal_disabled(app_id="terminal_1.0"))


async def kicked(played: Played) -> None:
    played.session.end_soon(Ending(EndKind.KICKED))


async def out_of_turn(played: Played) -> None:
    await played.stream.receive(Malformed(99, 10))


STREAM_ENDS: dict[EndKind, Callable[[Played], Awaitable[None]]] = {
    EndKind.LOGGED_OUT: logout,
    EndKind.RELAY_STOPPING: drained,
    EndKind.SLOW_READER: not_reading,
    EndKind.STREAM_FAULT: a_fault_of_the_stream,
    EndKind.TAKEN_OVER: resumed_elsewhere,
    EndKind.COUNTER_ENDED: forced_out,
    EndKind.RELAY_FAULT: a_fault_of_the_counter_session,
    EndKind.DISABLED: disabled,
    EndKind.KICKED: kicked,
    EndKind.PROTOCOL_ERROR: out_of_turn,
}
ONLY_THE_STREAM = {EndKind.SLOW_READER, EndKind.STREAM_FAULT, EndKind.TAKEN_OVER}
"""after these the session goes on, or may be resumed"""
WITHOUT_A_STREAM = {EndKind.LINGER_OVER, EndKind.REPLACED, EndKind.NOT_ADMITTED}
"""no terminal reads these; tested with the sessions"""


@pytest.mark.parametrize("kind", STREAM_ENDS)
async def test_each_way_to_end_has_its_own_kind_on_the_wire(kept: KeptEvidence, kind: EndKind) -> None:
    """As the last message; the ledger has the same word where the session is over."""
    played = await Played.logged_in(House(kept))

    await STREAM_ENDS[kind](played)
    await settled()
    await asyncio.sleep(0.02)
    last = (await read(played.stream.outbox))[-1]

    assert last.goodbye.kind == kind.wire
    assert last.goodbye.reason
    over = [data["kind"] for name, _, data in kept.entries if name == "terminal_logout"]
    assert over == ([] if kind in ONLY_THE_STREAM else [kind.word])
    await played.stream.ended()


async def test_what_ends_without_a_stream_is_in_the_ledger(kept: KeptEvidence) -> None:
    """A terminal that did not come back, and one whose new login took the place."""
    loop, house = HandLoop(), House(kept, max_per_investor=1)
    for name in ("s-1", "s-2"):
        session = await house.sessions.admit(applicant(name))
        session.attach(outbox := Outbox(100_000))
        session.detach(outbox)
    await loop.move(LINGER_SECONDS + 1)

    assert [data["kind"] for name, _, data in kept.entries if name == "terminal_logout"] == ["replaced", "linger_over"]


def test_every_kind_of_the_proto_is_one_row_and_every_row_was_played() -> None:
    """A kind without a row is never sent; a row without a test says what nobody has seen."""
    rows = [kind.wire for kind in EndKind if kind is not EndKind.NOT_ADMITTED]

    assert sorted(rows) == sorted(set(pb.Goodbye.Kind.values()) - {pb.Goodbye.KIND_UNSPECIFIED})
    assert set(STREAM_ENDS) | WITHOUT_A_STREAM == set(EndKind)


@pytest.mark.parametrize("kind", EndKind)
def test_each_row_says_it_in_chinese_and_english(kind: EndKind) -> None:
    """The text begins with the row's word, as it always has."""
    assert re.search(r"[\u4e00-\u9fff]", kind.chinese)
    assert kind.english.isascii()
    assert Ending(kind).text == f"{kind.word}: {kind.english} {kind.chinese}"


def test_the_causes_of_the_port_are_those_of_the_proto() -> None:
    """By name, since the frames find them by it."""
    assert {f"CAUSE_{cause.name}" for cause in LinkCause} == set(pb.SessionStatus.Cause.keys())


@pytest.mark.parametrize("names", [pb.Goodbye.Kind.keys(), pb.SessionStatus.Cause.keys()], ids=["Kind", "Cause"])
def test_the_proto_says_what_a_client_does_about_each(names: list[str]) -> None:
    """Each value's comment begins with its name; a stranger has nothing else to write a client from."""
    comments = [line.strip() for line in PROTO.read_text().splitlines() if line.strip().startswith("//")]
    words = " ".join(comments)

    assert [name for name in names if f"// {name.partition('_')[2]}" not in words] == []
