"""All sessions of a process: how many there may be, who finds one again, and how they are shown out."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import Any

import pytest
from structlog.testing import capture_logs

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.admission import Proof
from relay.admission.origin.trusted_proxies import Origin
from relay.refusals import counter_reasons, login_reasons, stream_reasons
from relay.refusals.refusal import LedgerUnavailable, Refused
from relay.sessions.endings import Ending, EndKind
from relay.sessions.login_pause import PausedLogins
from relay.sessions.outbox import Outbox
from relay.sessions.session import TerminalSession
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled
from tests.relay.sessions.played_counter import LINGER_SECONDS, ORIGIN, House, applicant, proof, read


async def refused(house: House, name: str, investor_id: str = "100001") -> str:
    with pytest.raises(Refused) as caught:
        await house.sessions.admit(applicant(name, investor_id))
    return caught.value.refusal.reason


async def test_logins_under_way_count_towards_the_limit_of_an_investor(kept: KeptEvidence) -> None:
    """A burst of them would pass it together."""
    house = House(kept, max_per_investor=2)
    house.counter.busy = asyncio.Event()
    entering = [asyncio.ensure_future(house.sessions.admit(applicant(f"s-{n}"))) for n in (1, 2)]
    await settled()

    third = await refused(house, "s-3")
    house.counter.busy.set()
    await asyncio.gather(*entering)

    assert third == "too_many_sessions"
    assert len(house.counter.logins) == 2
    assert await refused(house, "s-4") == "too_many_sessions"


async def test_a_full_relay_says_so_before_it_checks_anything(kept: KeptEvidence) -> None:
    """A check costs a password hash or a side process."""
    house = House(kept, max_sessions=1)
    await house.sessions.admit(applicant("s-1"))

    assert await refused(house, "s-2", "100002") == "relay_full"
    assert len(house.door.applicants) == 1


async def test_a_login_that_cannot_be_read_takes_no_place(kept: KeptEvidence) -> None:
    """Whatever is wrong with the terminal itself is said before the relay's own state is."""
    house = House(kept, max_sessions=1)
    await house.sessions.admit(applicant("s-1"))
    house.door.not_read = login_reasons.terminal_disabled(app_id="terminal_1.0")

    assert await refused(house, "s-2", "100002") == "terminal_disabled"


async def test_a_login_that_waits_for_its_turn_holds_no_place(kept: KeptEvidence) -> None:
    """One that has its turn at once gets the last one; and a relay that stops does not wait for the other."""
    house = House(kept, max_sessions=1)
    house.door.turns = asyncio.Event()
    waiting = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()
    assert house.sessions.room() == 1
    house.door.turns = None
    await house.sessions.admit(applicant("s-2", "100002"))

    await house.sessions.drain(0.01)

    with pytest.raises(Refused) as caught:
        await waiting
    assert caught.value.refusal.reason == "relay_draining"


async def test_a_login_whose_turn_comes_after_the_pause_is_refused(kept: KeptEvidence) -> None:
    """The operator wants no new logins from then on; those that waited before are new."""
    house = House(kept)
    house.door.turns = asyncio.Event()
    waiting = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()
    house.sessions.paused = PausedLogins(house.clock(), "ops", "maintenance")

    house.door.turns.set()
    with pytest.raises(Refused) as caught:
        await waiting

    assert caught.value.refusal.reason == "logins_paused"
    assert house.counter.logins == []


async def test_a_login_that_fails_gives_its_place_back(kept: KeptEvidence) -> None:
    """Otherwise failed logins would fill the relay."""
    house = House(kept, max_sessions=1)
    house.door.refusal = login_reasons.system_info_replayed()
    assert await refused(house, "s-1") == "system_info_replayed"
    house.door.refusal, house.counter.refusal = None, counter_reasons.counter_refused(3, "不合法的登录")
    assert await refused(house, "s-2") != ""
    house.counter.refusal = None
    house.door.ledger_away = True
    with pytest.raises(LedgerUnavailable):
        await house.sessions.admit(applicant("s-3"))
    house.door.ledger_away = False

    await house.sessions.admit(applicant("s-4"))

    assert len(house.sessions) == 1
    assert house.sessions._entering == {}


async def test_a_login_that_is_given_up_gives_its_place_back(kept: KeptEvidence) -> None:
    """The terminal's stream broke in the middle."""
    house = House(kept, max_sessions=1)
    house.counter.busy = asyncio.Event()
    entering = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()

    entering.cancel()
    await asyncio.gather(entering, return_exceptions=True)
    house.counter.busy = None

    await house.sessions.admit(applicant("s-2"))
    assert house.sessions._entering == {}


async def test_who_was_refused_by_the_counter_is_told_to_the_guard(kept: KeptEvidence) -> None:
    """The relay's lock must come before CTP's."""
    house = House(kept)
    house.counter.refusal = counter_reasons.counter_refused(3, "不合法的登录")
    await refused(house, "s-1")
    house.counter.refusal = None
    await house.sessions.admit(applicant("s-2"))

    assert house.door.told == ["counter_refused 3", "succeeded"]


async def test_a_session_is_found_again_only_by_its_own_terminal(kept: KeptEvidence) -> None:
    """A stolen token is worth nothing elsewhere, or without the auth code; and no terminal is told which it was."""
    house = House(kept)
    session = await house.sessions.admit(applicant())

    found = await resumed(house, session.resume_token)

    assert found is session
    for token, shown in (
        (session.resume_token, proof(origin=Origin(ipaddress.ip_address("203.0.113.9"), 1))),
        (session.resume_token, proof(app_id="other_1.0")),
        (session.resume_token, proof(b"wrong")),
        (session.resume_token, proof(b"")),
        (b"x" * 32, proof()),
        (b"", proof()),
    ):
        with pytest.raises(Refused) as caught:
            await resumed(house, token, shown)
        assert caught.value.refusal.told == stream_reasons.session_gone()


async def test_the_proof_comes_before_the_token(kept: KeptEvidence) -> None:
    """Who has no auth code must not learn whether a token is good; and the stream counts as proved only after it."""
    house, heard = House(kept), list[str]()
    session = await house.sessions.admit(applicant())

    for shown in (proof(b"wrong"), proof()):
        for token in (session.resume_token, b"x" * 32):
            with contextlib.suppress(Refused):
                await house.sessions.resume(shown, token, lambda: heard.append("proved"))

    assert heard == ["proved", "proved"]


async def test_a_resume_ends_every_token_but_the_one_it_showed_and_the_new_one(kept: KeptEvidence) -> None:
    """Two at most; and one as soon as the terminal has spoken."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    tokens = [session.resume_token]
    for _ in range(3):
        await resumed(house, tokens[-1])
        tokens.append(session.resume_token)

    assert [await is_good(house, token) for token in tokens[:2]] == [False, False]
    assert len(house.sessions._by_token) == len(house.sessions._by_older_token) == 1
    house.sessions.heard_from(session)
    assert [await is_good(house, token) for token in tokens[:3]] == [False, False, False]
    assert await is_good(house, tokens[3])
    assert len(set(tokens)) == len(tokens)


async def test_the_answer_to_a_resume_may_get_lost(kept: KeptEvidence) -> None:
    """The older token is good until its terminal has the newer one; using it ends the one that was lost."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    first = session.resume_token
    await resumed(house, first)
    lost = session.resume_token

    await resumed(house, first)

    assert not await is_good(house, lost)
    assert await is_good(house, first)


async def test_two_resumes_at_once_with_one_token(kept: KeptEvidence) -> None:
    """Both are let in, one after the other, and the later one's token is the session's."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    token = session.resume_token

    found = await asyncio.gather(resumed(house, token), resumed(house, token))

    assert all(one is session for one in found)
    assert len(house.sessions) == len(house.sessions._by_older_token) == 1


async def test_no_token_is_left_of_a_session_that_has_ended(kept: KeptEvidence) -> None:
    """Neither the newest nor the one before."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    await resumed(house, session.resume_token)

    await session.end(Ending(EndKind.LOGGED_OUT))

    assert house.sessions._by_token == house.sessions._by_older_token == {}


async def resumed(house: House, token: bytes, shown: Proof | None = None) -> TerminalSession:
    return await house.sessions.resume(shown or proof(), token, lambda: None)


async def is_good(house: House, token: bytes) -> bool:
    with contextlib.suppress(Refused):
        return bool(house.sessions._resumable(proof(), token))
    return False


async def test_a_session_whose_terminal_was_disabled_is_not_resumed(kept: KeptEvidence) -> None:
    """It ends there and then, and the terminal is told why."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    house.revoked.why = login_reasons.terminal_disabled(app_id="terminal_1.0")

    with pytest.raises(Refused) as caught:
        await resumed(house, session.resume_token)
    await asyncio.wait_for(session.ended.wait(), 5)

    assert caught.value.refusal.reason == "terminal_disabled"
    assert str(kept.data("terminal_logout")["reason"]).startswith("terminal_disabled")


async def test_a_session_that_is_ending_is_gone(kept: KeptEvidence) -> None:
    """Its welcome would be followed by a goodbye."""
    house = House(kept)
    session = await house.sessions.admit(applicant())
    session.end_soon(Ending(EndKind.LOGGED_OUT))

    with pytest.raises(Refused):
        await resumed(house, session.resume_token)


async def left_behind(house: House, name: str, **who: Any) -> TerminalSession:
    """A session whose terminal crashed: logged in, and its stream gone."""
    session = await house.sessions.admit(applicant(name, **who))
    outbox = Outbox(100_000)
    session.attach(outbox)
    session.detach(outbox)
    return session


async def test_a_terminal_that_crashes_again_and_again_is_let_in_again_and_again(kept: KeptEvidence) -> None:
    """Its newest login takes the place of the session it left behind first; the ledger says so."""
    loop, house = HandLoop(), House(kept, max_per_investor=2)
    sessions = []
    for n in range(1, 6):
        sessions.append(await left_behind(house, f"s-{n}"))
        await loop.move(1)

    assert [session.ended.is_set() for session in sessions] == [True, True, True, False, False]
    reasons_told = [data["reason"] for kind, _, data in kept.entries if kind == "terminal_logout"]
    assert [str(reason).split(":")[0] for reason in reasons_told] == ["replaced"] * 3


async def test_a_full_relay_lets_a_terminal_take_its_own_place(kept: KeptEvidence) -> None:
    """And nobody else's."""
    house = House(kept, max_sessions=1)
    old = await left_behind(house, "s-1")

    assert await refused(house, "s-2", "100002") == "relay_full"
    await house.sessions.admit(applicant("s-3"))
    await old.ended.wait()

    assert len(house.sessions) == 1


@pytest.mark.parametrize(
    "other", [{"app_id": "other_1.0"}, {"origin": Origin(ipaddress.ip_address("203.0.113.9"), 1)}], ids=str
)
async def test_another_terminals_session_is_left_alone_and_the_time_to_wait_is_told(
    kept: KeptEvidence, other: dict[str, Any]
) -> None:
    """It may still resume; when it cannot any more, there is room."""
    loop, house = HandLoop(), House(kept, max_per_investor=1)
    old = await left_behind(house, "s-1", **other)
    await loop.move(20)

    with pytest.raises(Refused) as caught:
        await house.sessions.admit(applicant("s-2"))

    assert caught.value.refusal.reason == "too_many_sessions"
    assert caught.value.refusal.retry_after_seconds == LINGER_SECONDS - 20
    assert not old.ending


async def test_how_many_may_come_back_to_an_address(kept: KeptEvidence) -> None:
    """Those without a stream that are not ending; room is kept for as many."""
    house = House(kept)
    lingering = [await left_behind(house, f"s-{n}", investor_id=f"10000{n}") for n in (1, 2)]
    (await house.sessions.admit(applicant("s-3", "100003"))).attach(Outbox(100_000))
    await left_behind(house, "s-4", investor_id="100004", origin=Origin(ipaddress.ip_address("203.0.113.9"), 1))

    assert house.sessions.resumable_at("198.51.100.7") == 2
    lingering[0].end_soon(Ending(EndKind.LINGER_OVER))
    assert house.sessions.resumable_at("198.51.100.7") == 1


async def test_a_session_with_a_stream_is_left_alone(kept: KeptEvidence) -> None:
    """Somebody sits there; nobody knows when that ends, so no time is told."""
    house = House(kept, max_per_investor=1)
    old = await house.sessions.admit(applicant("s-1"))
    old.attach(Outbox(100_000))

    with pytest.raises(Refused) as caught:
        await house.sessions.admit(applicant("s-2"))

    assert caught.value.refusal.retry_after_seconds == 0
    assert not old.ending


async def test_a_login_that_fails_takes_nobodys_place(kept: KeptEvidence) -> None:
    """Whoever does not know the password cannot end an investor's session."""
    house = House(kept, max_per_investor=1)
    old = await left_behind(house, "s-1")
    house.counter.refusal = counter_reasons.counter_refused(3, "不合法的登录")
    await refused(house, "s-2")
    house.door.refusal = login_reasons.wrong_proof(app_id="terminal_1.0")
    await refused(house, "s-3")

    assert not old.ending
    assert house.sessions._giving_way == {}


async def test_a_session_that_is_resumed_meanwhile_keeps_its_place(kept: KeptEvidence) -> None:
    """The login that was to take it is undone at the counter."""
    house = House(kept, max_per_investor=1)
    old = await left_behind(house, "s-1")
    house.counter.busy = asyncio.Event()
    entering = asyncio.ensure_future(house.sessions.admit(applicant("s-2")))
    await settled()
    old.attach(Outbox(100_000), after_sequence=0)
    house.counter.busy.set()

    with pytest.raises(Refused) as caught:
        await entering

    assert caught.value.refusal.reason == "too_many_sessions"
    assert not old.ending
    assert house.counter.links[1].detached == ["too_many_sessions"]
    assert len(house.sessions) == 1


async def test_two_logins_at_once_take_two_places(kept: KeptEvidence) -> None:
    """Never the same one twice: the limit holds also for a burst."""
    house = House(kept, max_per_investor=2)
    old = [await left_behind(house, f"s-{n}") for n in (1, 2)]
    house.counter.busy = asyncio.Event()
    entering = [asyncio.ensure_future(house.sessions.admit(applicant(f"s-{n}"))) for n in (3, 4)]
    await settled()

    third = await refused(house, "s-5")
    house.counter.busy.set()
    await asyncio.gather(*entering)
    await asyncio.gather(*(session.ended.wait() for session in old))

    assert third == "too_many_sessions"
    assert len(house.sessions) == 2


async def test_draining_waits_for_terminals_and_then_ends_the_rest(kept: KeptEvidence) -> None:
    """Each is told why, and each is logged out at the counter."""
    loop, house = HandLoop(), House(kept)
    leaving, staying = await house.sessions.admit(applicant("s-1")), await house.sessions.admit(applicant("s-2"))
    outbox = Outbox(100_000)
    staying.attach(outbox)
    await read(outbox)
    draining = asyncio.ensure_future(house.sessions.drain(30.0))
    await settled()

    assert await refused(house, "s-3") == "relay_draining"
    await leaving.end(Ending(EndKind.LOGGED_OUT))
    assert not draining.done()
    await loop.move(31)
    await draining

    notice, goodbye = await read(outbox)
    assert 0 < notice.leave_notice.gone_after_milliseconds <= 30_000
    assert goodbye.goodbye.kind == pb.Goodbye.KIND_RELAY_STOPPING
    assert [link.detached for link in house.counter.links] == [
        [Ending(EndKind.LOGGED_OUT).text],
        [Ending(EndKind.RELAY_STOPPING).text],
    ]
    assert len(house.sessions) == 0


async def test_every_terminal_is_asked_to_leave_at_a_moment_of_its_own(kept: KeptEvidence) -> None:
    """When the drain begins, and again after a resume, with the time that is left."""
    loop, house = HandLoop(), House(kept)
    sessions = [await house.sessions.admit(applicant(f"s-{n}")) for n in range(3)]
    outboxes = [Outbox(100_000) for _ in sessions]
    for session, outbox in zip(sessions, outboxes, strict=True):
        session.attach(outbox)
        await read(outbox)
    draining = asyncio.ensure_future(house.sessions.drain(30.0, successor=True))
    await settled()
    notices = [(await read(outbox))[0].leave_notice for outbox in outboxes]
    await loop.move(10)
    sessions[0].detach(outboxes[0])
    sessions[0].attach(again := Outbox(100_000), after_sequence=0)
    _, repeated = await read(again)

    assert len({notice.leave_after_milliseconds for notice in notices}) == 3
    assert all((notice.successor, "/" in notice.reason) == (True, True) for notice in notices)
    assert repeated.leave_notice.leave_after_milliseconds == 0
    assert repeated.leave_notice.gone_after_milliseconds <= 20_000
    await loop.move(31)
    await draining


async def test_a_session_that_does_not_end_does_not_keep_the_process(
    kept: KeptEvidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are ended, and the log names the one that is left."""
    loop, house = HandLoop(), House(kept)
    stuck, other = await house.sessions.admit(applicant("s-1")), await house.sessions.admit(applicant("s-2"))
    monkeypatch.setattr(house.counter.links[0], "detach", lambda _reason: asyncio.Event().wait())
    with capture_logs() as log:
        draining = asyncio.ensure_future(house.sessions.drain(1.0))
        await settled()
        await loop.move(2)
        assert not draining.done()
        await loop.move(60)
        await draining

    assert (stuck.ended.is_set(), other.ended.is_set()) == (False, True)
    assert not [task for task in asyncio.all_tasks() if "LeanEvent.wait" in repr(task.get_coro())]
    assert [line["sessions"] for line in log if line["event"] == "sessions_not_ended"] == [["s-1"]]


async def test_draining_an_empty_relay_takes_no_time(kept: KeptEvidence) -> None:
    """There is nobody to wait for."""
    await asyncio.wait_for(House(kept).sessions.drain(3600), 5)


async def test_logins_under_way_are_refused_when_the_relay_drains(kept: KeptEvidence) -> None:
    """At once, so that each can go to another relay; none is cut off without a word."""
    house = House(kept)
    house.counter.busy = asyncio.Event()
    entering = [asyncio.ensure_future(house.sessions.admit(applicant(f"s-{n}"))) for n in (1, 2)]
    await settled()

    await asyncio.wait_for(house.sessions.drain(3600), 5)

    for login in entering:
        with pytest.raises(Refused) as caught:
            await asyncio.wait_for(login, 5)
        assert caught.value.refusal.reason == "relay_draining"
    assert house.counter.links == []
    assert len(house.sessions) == 0


async def test_a_login_that_comes_through_while_the_relay_drains_is_undone(kept: KeptEvidence) -> None:
    """It would be left at the counter by a process that is gone."""
    house = House(kept)
    house.counter.busy = asyncio.Event()
    house.counter.deaf = True
    entering = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()
    draining = asyncio.ensure_future(house.sessions.drain(30.0))
    await settled()

    house.counter.busy.set()

    with pytest.raises(Refused) as caught:
        await asyncio.wait_for(entering, 5)
    await asyncio.wait_for(draining, 5)
    assert caught.value.refusal.reason == "relay_draining"
    assert len(house.counter.links[0].detached) == 1
    assert len(house.sessions) == 0


async def test_many_investors_at_one_address_are_told_of_once(kept: KeptEvidence) -> None:
    """Reports with a proxy's address are worth nothing, and nobody would notice."""
    house = House(kept, max_sessions=100)
    with capture_logs() as lines:
        for number in range(12):
            await house.sessions.admit(applicant(f"s-{number}", f"{100001 + number}"))

    heard = [line for line in lines if line["event"] == "many_investors_at_one_address"]
    assert [(line["address"], line["investors"]) for line in heard] == [("198.51.100.7", 10)]


async def test_a_login_is_one_line_of_the_log_that_names_it(kept: KeptEvidence) -> None:
    """Support looks for an investor, an address or a session's name."""
    with capture_logs() as lines:
        await House(kept).sessions.admit(applicant("s-7"))

    (line,) = [line for line in lines if line["event"] == "terminal_logged_in"]
    shown = {name: line[name] for name in ("session", "investor", "app_id", "address")}
    assert shown == {
        "session": "s-7",
        "investor": "100001",
        "app_id": "terminal_1.0",
        "address": ORIGIN.public_ip,
    }


async def test_who_is_disabled_while_it_logs_in_is_not_let_in(kept: KeptEvidence) -> None:
    """It was in no list of sessions when the firm's change was looked for."""
    house = House(kept)
    house.counter.busy = asyncio.Event()
    entering = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()

    house.revoked.announced += 1
    house.revoked.why = login_reasons.terminal_disabled(app_id="terminal_1.0")
    house.counter.busy.set()

    with pytest.raises(Refused) as caught:
        await entering
    await settled()
    assert caught.value.refusal.reason == "terminal_disabled"
    assert len(house.sessions) == 0


async def test_a_terminal_that_leaves_while_it_is_looked_at_once_more_leaves_no_session(kept: KeptEvidence) -> None:
    """It has passed the counter and has no stream yet, so no linger time would end it."""
    house = House(kept)
    house.counter.busy = asyncio.Event()
    entering = asyncio.ensure_future(house.sessions.admit(applicant("s-1")))
    await settled()
    house.revoked.announced += 1
    house.revoked.busy = asyncio.Event()
    house.counter.busy.set()
    await settled()
    assert len(house.sessions) == 1

    entering.cancel()
    await settled()

    assert entering.cancelled()
    assert len(house.sessions) == 0


async def test_market_data_is_given_to_the_terminal_of_the_session_alone(kept: KeptEvidence) -> None:
    """Proved before the token is looked at, from the same place, and as long as the session lives."""
    house, heard = House(kept), list[str]()
    house.sessions.market_port = 7002
    session = await house.sessions.admit(applicant())
    assert session.market_data is not None
    token = session.market_data.token

    async def market(shown: Proof, token: bytes) -> TerminalSession | None:
        try:
            return await house.sessions.of_market_token(shown, token, lambda: heard.append("proved"))
        except Refused:
            return None

    assert await market(proof(), token) is session
    assert await market(proof(b"wrong"), token) is None
    assert heard == ["proved"]
    for shown, given in (
        (proof(), b"x" * 32),
        (proof(), session.resume_token),
        (proof(app_id="other_1.0"), token),
        (proof(origin=Origin(ipaddress.ip_address("203.0.113.9"), 1)), token),
    ):
        assert await market(shown, given) is None
    assert heard == ["proved"] * 5
    session.end_soon(Ending(EndKind.KICKED))
    assert await market(proof(), token) is None
