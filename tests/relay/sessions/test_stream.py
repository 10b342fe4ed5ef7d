"""One terminal stream: what may be said when, and that no stream ends without a word."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.challenge import VALID_SECONDS
from relay.refusals import login_reasons
from relay.sessions.endings import Ending, EndKind
from relay.sessions.outbox import Outbox
from relay.sessions.stream import Malformed, StreamSettings, TerminalStream
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import HandLoop, settled
from tests.relay.sessions.played_counter import BROKER, ORIGIN, PROOF, House, kinds, query, read

SETTINGS = StreamSettings("1.0", hello_timeout_seconds=10.0, outbox_bytes=1_000_000)


@pytest.fixture
def house(kept: KeptEvidence) -> House:
    return House(kept)


class Talk:
    """A terminal on a stream."""

    def __init__(self, house: House) -> None:
        clock = asyncio.get_running_loop().time
        self.stream = TerminalStream(ORIGIN, house.sessions, house.evidence, clock, SETTINGS)

    async def says(self, *messages: pb.TerminalMessage | Malformed) -> list[pb.RelayMessage]:
        """Say these, one after the other; what is answered."""
        for message in messages:
            await asyncio.wait_for(self.stream.receive(message), 5)
        await settled()
        return await read(self.stream.outbox)


HELLO = pb.TerminalMessage(hello=pb.Hello(protocol=1, app_id="terminal_1.0", client_version="0.1"))
LOGIN = pb.TerminalMessage(login=pb.Login(broker_id=BROKER, investor_id="100001", password="geheim"))
LOGOUT = pb.TerminalMessage(logout=pb.Logout())
CALL = pb.TerminalMessage(call=query())
RESUME = pb.TerminalMessage(resume=pb.Resume(resume_token=b"x" * 32))
PROVED_RESUME = pb.TerminalMessage(resume=pb.Resume(resume_token=b"x" * 32, auth_info=PROOF))


async def test_a_login_from_hello_to_goodbye(house: House) -> None:
    """The conversation as terminal.proto draws it."""
    talk = Talk(house)

    heard = [kinds(await talk.says(message)) for message in (HELLO, LOGIN, CALL, LOGOUT)]

    assert heard == [["challenge"], ["logged_in"], ["call_result"], ["goodbye"]]
    assert talk.stream.outbox.closed
    assert len(house.sessions) == 0
    await talk.stream.ended()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([LOGIN], "unexpected_message"),
        ([CALL], "not_logged_in"),
        ([LOGOUT], "unexpected_message"),
        ([RESUME], "unexpected_message"),
        ([HELLO, HELLO], "unexpected_message"),
        ([HELLO, CALL], "not_logged_in"),
        ([HELLO, LOGIN, LOGIN], "unexpected_message"),
        ([HELLO, LOGIN, HELLO], "unexpected_message"),
        ([HELLO, PROVED_RESUME], "session_gone"),
        ([pb.TerminalMessage()], "request_malformed"),
        ([pb.TerminalMessage(hello=pb.Hello(protocol=9))], "protocol_unsupported"),
        ([Malformed(99, 10)], "message_too_large"),
        ([Malformed(5, 10)], "request_malformed"),
        ([HELLO, LOGIN, Malformed(99, 10)], "message_too_large"),
    ],
)
async def test_what_is_said_out_of_turn_ends_the_stream_with_its_name(
    house: House, kept: KeptEvidence, said: list[pb.TerminalMessage | Malformed], reason: str
) -> None:
    """Told after the ledger has it; and a session that was there is over, with a goodbye."""
    talk = Talk(house)

    answers = await talk.says(*said)

    if answers[-1].goodbye.kind == pb.Goodbye.KIND_PROTOCOL_ERROR:
        assert "logged_in" in kinds(answers)
        answers.pop()
    assert answers[-1].rejected.reason == reason
    assert talk.stream.outbox.closed
    assert len(house.sessions) == 0
    assert kept.data("terminal_refused")["reason"] == reason
    await talk.stream.ended()


async def test_after_its_last_word_a_stream_hears_nothing(house: House, kept: KeptEvidence) -> None:
    """A login right behind a refused message must not let anybody in; nor may a flood of them fill the ledger."""
    talk = Talk(house)

    answers = await talk.says(HELLO, Malformed(99, 10), LOGIN, CALL, HELLO, HELLO)

    assert kinds(answers) == ["challenge", "rejected"]
    assert kept.kinds == ["terminal_refused"]
    assert house.door.applicants == []
    await talk.stream.ended()


async def test_a_refused_login_is_told_as_it_may_be_known_and_kept_as_it_is(house: House, kept: KeptEvidence) -> None:
    """Whoever tries app ids must not learn which exist; operations must."""
    talk = Talk(house)
    house.door.stranger = login_reasons.unknown_terminal(app_id="terminal_1.0")

    answers = await talk.says(HELLO, LOGIN)

    assert answers[-1].rejected.reason == "terminal_not_accepted"
    assert kept.data("terminal_refused")["reason"] == "unknown_terminal"
    assert "geheim" not in repr(kept.entries)
    await talk.stream.ended()


async def test_a_refused_login_names_the_investor_only_after_the_proof(house: House, kept: KeptEvidence) -> None:
    """So the firm finds why its customer was refused, and a stranger writes nothing under a customer's name."""
    proved, stranger = Talk(house), Talk(house)
    house.door.refusal = login_reasons.system_info_replayed()
    await proved.says(HELLO, LOGIN)
    house.door.stranger = login_reasons.wrong_proof(app_id="terminal_1.0")
    await stranger.says(HELLO, LOGIN)

    named, unnamed = (facts for kind, _, facts in kept.entries if kind == "terminal_refused")
    assert (named["broker_id"], named["investor_id"]) == (BROKER, "100001")
    assert "investor_id" not in unnamed
    for talk in (proved, stranger):
        await talk.stream.ended()


async def test_a_terminal_is_told_even_when_its_refusal_cannot_be_written(house: House, kept: KeptEvidence) -> None:
    """Nothing was done that the ledger would have to announce."""
    talk = Talk(house)
    kept.available, house.door.ledger_away = False, True

    answers = await talk.says(HELLO, LOGIN)

    assert answers[-1].rejected.reason == "ledger_unavailable"
    await talk.stream.ended()


async def test_the_refusal_in_a_session_comes_before_its_goodbye_however_slow_the_ledger_is(
    house: House, kept: KeptEvidence
) -> None:
    """The goodbye says that the program is at fault, not what was wrong."""
    talk = Talk(house)
    await talk.says(HELLO, LOGIN)
    kept.open = asyncio.Event()
    receiving = asyncio.ensure_future(talk.stream.receive(Malformed(99, 10)))
    await settled()

    kept.open.set()
    await asyncio.wait_for(receiving, 5)
    await settled()

    rejected, goodbye = await read(talk.stream.outbox)
    assert rejected.rejected.reason == "message_too_large"
    assert goodbye.goodbye.kind == pb.Goodbye.KIND_PROTOCOL_ERROR
    assert house.counter.links[0].detached == ["message_too_large"]
    await talk.stream.ended()


async def test_a_silent_terminal_is_told_and_let_go(house: House) -> None:
    """A connection that says nothing costs a stream."""
    loop, talk = HandLoop(), Talk(house)

    await loop.move(SETTINGS.hello_timeout_seconds + 1)

    (answer,) = await read(talk.stream.outbox)
    assert answer.rejected.reason == "challenge_expired"
    assert talk.stream.outbox.closed
    await talk.stream.ended()


async def test_a_login_that_comes_while_the_relay_gives_up_is_not_let_in(house: House) -> None:
    """It would be a session whose terminal was told that it has none."""
    talk = Talk(house)
    await talk.says(HELLO)
    talk.stream._patience.cancel()

    receiving = asyncio.ensure_future(talk.stream.receive(LOGIN))
    talk.stream._out_of_patience()
    await asyncio.wait_for(receiving, 5)
    await settled()

    assert house.door.applicants == []
    assert kinds(await read(talk.stream.outbox)) == ["rejected"]
    await talk.stream.ended()


async def test_a_challenge_is_answered_in_time_or_not_at_all(house: House) -> None:
    """Its proof could have been made elsewhere meanwhile."""
    loop = HandLoop()
    talk = Talk(house)
    talk.stream._patience.cancel()
    await talk.says(HELLO)
    await loop.move(VALID_SECONDS + 1)

    answers = await talk.says(LOGIN)

    assert answers[-1].rejected.reason == "challenge_expired"
    assert house.door.applicants == []
    await talk.stream.ended()


async def test_each_stream_has_a_challenge_of_its_own_and_the_login_its_proof_for_it(house: House) -> None:
    """A recorded answer is worth nothing on another stream."""
    first, second = Talk(house), Talk(house)

    (one,), (two,) = await first.says(HELLO), await second.says(HELLO)
    await first.says(LOGIN)

    assert one.challenge.timestamp != two.challenge.timestamp
    assert len(one.challenge.timestamp) == 128
    assert house.door.challenges[0] == one.challenge.timestamp
    for talk in (first, second):
        await talk.stream.ended()


async def test_it_is_said_that_a_terminal_is_proved_before_anything_is_asked_of_the_relay(house: House) -> None:
    """And of a stranger it is not said, whatever else is wrong."""
    proved, strange = Talk(house), Talk(house)
    said: list[int] = []
    for talk in (proved, strange):
        talk.stream.on_proved = lambda: said.append(len(house.door.applicants))
    await proved.says(HELLO, LOGIN)
    house.door.stranger = login_reasons.wrong_proof(app_id="terminal_1.0")
    house.sessions.draining = True

    (_, refusal) = await strange.says(HELLO, LOGIN)

    assert said == [0]
    assert refusal.rejected.reason == "terminal_not_accepted"
    for talk in (proved, strange):
        await talk.stream.ended()


@pytest.mark.parametrize("asks", [True, False])
async def test_a_login_that_waits_hears_where_it_stands_if_it_asks(house: House, asks: bool) -> None:
    """Terminals of before do not know the message, so none of them gets it."""
    talk, house.door.turns = Talk(house), asyncio.Event()
    login = pb.TerminalMessage(login=pb.Login(broker_id=BROKER, investor_id="100001", wants_progress=asks))
    await talk.says(HELLO)
    entering = asyncio.ensure_future(talk.stream.receive(login))
    await settled()

    for on_wait in house.door.on_waits:
        if on_wait is not None:
            on_wait(3, 40)
    heard = await read(talk.stream.outbox)
    house.door.turns.set()
    await entering

    assert [(one.login_progress.place, one.login_progress.waiting) for one in heard] == ([(3, 40)] if asks else [])
    assert all("第 3 位" in one.login_progress.text and "3 of 40" in one.login_progress.text for one in heard)
    await talk.stream.ended()


async def test_a_broken_stream_leaves_the_session_for_a_resume_on_another(house: House) -> None:
    """Within the linger time, with nothing lost."""
    HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    await first.stream.ended()
    house.counter.links[0].notice(1)
    await settled()

    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, after_sequence=0, auth_info=PROOF)
    resumed = await second.says(HELLO, pb.TerminalMessage(resume=resume))

    assert kinds(resumed) == ["challenge", "logged_in", "event"]
    assert len(house.sessions) == 1
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_a_resume_under_way_is_not_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow directory has a time of its own; a terminal told that it was too late would lose its session."""
    loop = HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    await first.stream.ended()
    answer = asyncio.Event()

    async def slow(_: object) -> None:
        await answer.wait()

    monkeypatch.setattr(house.revoked, "refusal", slow)
    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, after_sequence=0, auth_info=PROOF)
    await second.says(HELLO)
    resuming = asyncio.ensure_future(second.stream.receive(pb.TerminalMessage(resume=resume)))
    await settled()
    await loop.move(SETTINGS.hello_timeout_seconds + 1)
    answer.set()
    await resuming
    await settled()

    assert kinds(await read(second.stream.outbox)) == ["logged_in"]
    assert len(house.sessions) == 1
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_the_older_token_ends_with_the_first_word_after_a_resume(house: House) -> None:
    """A call shows that the terminal has the welcome with the new one."""
    HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    await first.stream.ended()
    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, after_sequence=0, auth_info=PROOF)
    proved: list[bool] = []
    second.stream.on_proved = lambda: proved.append(True)
    resumed = await second.says(HELLO, pb.TerminalMessage(resume=resume))
    (session,) = house.sessions
    before = session.older_token

    await second.says(CALL)

    assert (before, session.older_token) == (resume.resume_token, b"")
    assert resumed[-1].logged_in.resume_token == session.resume_token
    assert proved == [True]
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_a_stream_whose_session_was_taken_over_cannot_use_it_any_more(house: House) -> None:
    """Its calls would be answered on the other stream, to whoever asked nothing."""
    HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, after_sequence=0, auth_info=PROOF)
    await second.says(HELLO, pb.TerminalMessage(resume=resume))

    heard = await first.says(CALL, LOGOUT, Malformed(99, 10))

    assert kinds(heard) == ["goodbye"]
    assert house.counter.links[0].calls == []
    assert len(house.sessions) == 1
    await first.stream.ended()
    assert kinds(await second.says(CALL)) == ["call_result"]
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_a_call_that_its_counter_reads_is_taken_in_the_moment_it_comes(house: House) -> None:
    """Not before the login, not where the counter does not read it, not after the end."""
    talk, message = Talk(house), CALL.SerializeToString()
    taken = [talk.stream.take_call(message)]
    await talk.says(HELLO, LOGIN)
    taken.append(talk.stream.take_call(message))
    (link,) = house.counter.links
    link.reads = True

    taken.append(talk.stream.take_call(message))
    heard = await talk.says()
    await talk.says(LOGOUT)
    taken.append(talk.stream.take_call(message))

    assert taken == [False, False, True, False]
    assert kinds(heard) == ["call_result"]
    assert [call.request_id for call in link.calls] == [CALL.call.request_id]
    await talk.stream.ended()


async def test_the_first_word_after_a_resume_is_not_taken_in_passing(house: House) -> None:
    """It ends the older token, which `receive` does."""
    HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    await first.stream.ended()
    house.counter.links[0].reads = True
    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, after_sequence=0, auth_info=PROOF)
    await second.says(HELLO, pb.TerminalMessage(resume=resume))
    message = CALL.SerializeToString()

    at_first = second.stream.take_call(message)
    await second.says(CALL)

    assert (at_first, second.stream.take_call(message)) == (False, True)
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_a_terminal_that_only_listens_keeps_its_session(house: House) -> None:
    """It closed its half of the stream; answers and notices still come."""
    talk = Talk(house)
    await talk.says(HELLO, LOGIN)

    talk.stream.terminal_is_silent()
    house.counter.links[0].notice(1)
    await settled()

    assert kinds(await read(talk.stream.outbox)) == ["event"]
    await talk.stream.ended()
    await next(iter(house.sessions)).end(Ending(EndKind.COUNTER_ENDED))


async def test_a_terminal_that_leaves_before_its_login_leaves_nothing(house: House) -> None:
    """No session, no timer, no task."""
    loop, talk = HandLoop(), Talk(house)
    await talk.says(HELLO)

    talk.stream.terminal_is_silent()
    await talk.stream.ended()
    await loop.move(SETTINGS.hello_timeout_seconds + 1)

    assert talk.stream.outbox.closed
    assert kinds(await read(talk.stream.outbox)) == []
    assert len(talk.stream._tasks) == 0


async def test_the_login_is_judged_by_what_the_relay_saw(house: House) -> None:
    """Address, app id of the hello, challenge: none of it is the login's word."""
    talk = Talk(house)
    await talk.says(HELLO, LOGIN)

    (applicant,) = house.door.applicants
    assert (applicant.origin, applicant.app_id, applicant.client_version) == (ORIGIN, "terminal_1.0", "0.1")
    assert "geheim" not in repr(replace(applicant))
    await talk.stream.ended()
    await next(iter(house.sessions)).end(Ending(EndKind.COUNTER_ENDED))


async def test_a_slow_reader_costs_no_more_than_its_outbox(house: House) -> None:
    """What it missed stays in the journal for its resume."""
    talk = Talk(house)
    talk.stream.outbox = Outbox(50)

    answers = await talk.says(HELLO)

    assert answers[-1].goodbye.kind == pb.Goodbye.KIND_SLOW_READER
    await talk.stream.ended()


async def test_a_login_that_the_relays_end_cuts_into_is_told_so(house: House) -> None:
    """With its end in the ledger, where its beginning is."""
    house.counter.busy = asyncio.Event()
    talk = Talk(house)
    await talk.says(HELLO)
    login = asyncio.ensure_future(talk.stream.receive(LOGIN))
    await settled()

    await asyncio.wait_for(house.sessions.drain(3600), 5)
    talk.stream.stop(Ending(EndKind.RELAY_STOPPING))
    await asyncio.wait_for(login, 5)

    (message,) = await read(talk.stream.outbox)
    assert message.rejected.reason == "relay_draining"
    assert house.evidence.data("terminal_refused")["reason"] == "relay_draining"
    await talk.stream.ended()


@pytest.mark.parametrize("said", [[], [HELLO], [HELLO, LOGIN]], ids=["nothing", "hello", "login"])
async def test_whoever_is_on_a_stream_when_the_relay_stops_hears_of_it(
    house: House, said: list[pb.TerminalMessage]
) -> None:
    """Also a terminal that is not logged in yet."""
    talk = Talk(house)
    await talk.says(*said)

    talk.stream.stop(Ending(EndKind.RELAY_STOPPING))

    (message,) = await read(talk.stream.outbox)
    assert message.goodbye.kind == pb.Goodbye.KIND_RELAY_STOPPING
    await talk.stream.ended()


async def test_a_terminal_that_goes_away_during_its_login_leaves_an_end_in_the_ledger(house: House) -> None:
    """Its admission is there already, and who reads the ledger asks what became of it."""
    house.counter.busy = asyncio.Event()
    talk = Talk(house)
    await talk.says(HELLO)
    login = asyncio.ensure_future(talk.stream.receive(LOGIN))
    await settled()

    login.cancel()
    await asyncio.gather(login, return_exceptions=True)
    await talk.stream.ended()

    assert house.evidence.data("login_abandoned") == {"reason": "the stream ended"}
    assert login.cancelled()
    assert house.sessions.figures.logins["abandoned"] == 1


async def test_a_terminal_that_goes_away_before_its_admission_leaves_a_count(house: House) -> None:
    """Otherwise a stranger could write an entry with each stream."""
    house.door.slow = asyncio.Event()
    for _ in range(3):
        talk = Talk(house)
        await talk.says(HELLO)
        login = asyncio.ensure_future(talk.stream.receive(LOGIN))
        await settled()
        login.cancel()
        await asyncio.gather(login, return_exceptions=True)
        await talk.stream.ended()

    assert house.evidence.kinds == []
    await house.sessions.refused.flush()
    assert house.evidence.data("terminals_refused")["reasons"] == [{"reason": "login_abandoned", "count": 3}]


async def test_the_refusals_of_strangers_are_counted(house: House, kept: KeptEvidence) -> None:
    """The first of an address in a minute is an entry; and each stream ends with its reason all the same."""
    for _ in range(3):
        talk = Talk(house)
        assert (await talk.says(CALL))[-1].rejected.reason == "not_logged_in"
        await talk.stream.ended()

    assert kept.kinds == ["terminal_refused"]
    await house.sessions.refused.flush()
    assert kept.data("terminals_refused")["count"] == 2


async def test_the_refusal_of_a_session_is_never_a_count(house: House, kept: KeptEvidence) -> None:
    """Its login stands in the ledger, and what ended it stands beside it."""
    for _ in range(3):
        talk = Talk(house)
        await talk.says(HELLO, LOGIN, Malformed(99, 10))
        await talk.stream.ended()

    assert kept.kinds.count("terminal_refused") == 3


async def test_a_refusal_in_the_ledger_says_who_and_from_where(house: House, kept: KeptEvidence) -> None:
    """What a regulator asks of a stranger: which program, from which address and port."""
    await Talk(house).says(HELLO, CALL)

    facts = kept.data("terminal_refused")
    assert (facts["source"], facts["terminal_app_id"]) == ("relay", "terminal_1.0")
    assert (facts["reason"], facts["code"]) == ("not_logged_in", 0)
    assert facts["message"]
    assert (facts["public_ip"], facts["port"]) == (ORIGIN.public_ip, ORIGIN.port)


async def test_a_login_is_counted_with_the_time_it_took(house: House) -> None:
    """No time of day, which no alarm could be set on."""
    await Talk(house).says(HELLO, LOGIN)

    figures = house.sessions.figures
    assert figures.logins["succeeded"] == 1
    assert sum(figures.login_seconds.counts) == 1
    assert 0 < figures.login_seconds.total < 60


async def test_a_resume_is_counted_once(house: House) -> None:
    """In the process's figures, as in the session's own."""
    HandLoop()
    first, second = Talk(house), Talk(house)
    answers = await first.says(HELLO, LOGIN)
    await first.stream.ended()

    resume = pb.Resume(resume_token=answers[-1].logged_in.resume_token, auth_info=PROOF)
    await second.says(HELLO, pb.TerminalMessage(resume=resume))

    (session,) = house.sessions
    assert house.sessions.figures.resumes == 1
    assert session.activity.resumes == 1
    await second.says(LOGOUT)
    await second.stream.ended()


async def test_nothing_is_heard_while_the_refusal_waits_for_the_ledger(house: House, kept: KeptEvidence) -> None:
    """A slow ledger must not be the time in which a refused terminal logs in."""
    talk, kept.open = Talk(house), asyncio.Event()
    await talk.says(HELLO)
    refused = asyncio.ensure_future(talk.stream.receive(Malformed(99, 10)))
    await settled()

    behind = asyncio.ensure_future(talk.stream.receive(LOGIN))
    await settled()
    kept.open.set()
    await asyncio.gather(refused, behind)

    assert house.door.applicants == []
    assert len(house.sessions) == 0
    await talk.stream.ended()


async def test_a_stream_whose_session_is_at_another_worker_hears_nothing_more(house: House) -> None:
    """The other worker has the conversation; a message that was on its way must not begin a second one here."""
    talk = Talk(house)
    (challenge,) = await talk.says(HELLO)

    begun = talk.stream.hand_on()
    await talk.says(LOGIN)

    assert (begun.app_id, begun.challenge) == ("terminal_1.0", challenge.challenge.timestamp)
    assert house.door.applicants == []
    await talk.stream.ended()
