"""Who is let in: each check with its own reason, from cheap to dear, and nothing used up or announced too early."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from ctprelay.v1 import terminal_pb2 as pb
from relay.admission.admission import Admission, AdmissionRules, Applicant, Directory, Proof
from relay.admission.challenge import auth_info
from relay.admission.known_places import KnownPlaces
from relay.admission.login_guard import LoginGuard
from relay.admission.machines import Desk, MachineHistory, MachineTraits, forget_machines_of
from relay.admission.system_info import AgeLimits
from relay.admission.system_info_seen import SystemInfoSeen
from relay.admission.verifier import Judgement, VerifierUnavailable
from relay.counter.port import CollectedInfo, Investor, Mode, TerminalLogin, WantedInfo
from relay.database.database import writing
from relay.directory import known_terminals
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.investors import Investors
from relay.directory.known_terminals import KnownTerminals
from relay.directory.password_keys import PasswordCost, PasswordHashing
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import ReportKind, Terminals
from relay.logs.alarms import AlarmName
from relay.refusals import counter_reasons, stream_reasons
from relay.refusals.refusal import LedgerUnavailable, Refused
from relay.settings.limits_section import Limits
from terminal_client.password_proof import DerivedPasswords, SaltedName, said_of
from terminal_client.secret import Secret
from tests.relay.conftest import HandClock
from tests.relay.evidence import KeptEvidence
from tests.relay.hand_loop import settled
from tests.relay.sessions.played_counter import BROKER, ORIGIN, PlayedCounter

AUTH_CODE = "TERMINAL00000001"
CHALLENGE = bytes(range(128))
PASSWORD = "right-password"
GENUINE = -3
COLLECTED_NOW = bytes((1, ord("0"), 26, 11, 22, 9, 0, 0))
"""the header of system info collected at 09:00:00 UTC+8, where the test's clock stands"""


class PlayedVerifier:
    """What the vendor's library says."""

    def __init__(self) -> None:
        self.judgement = Judgement(GENUINE, COLLECTED_NOW)
        self.away = False
        self.asked = 0

    async def check(self, _: bytes) -> Judgement:
        self.asked += 1
        if self.away:
            raise VerifierUnavailable("it ended")
        return self.judgement


class Door:
    """An `Admission` with a real directory."""

    def __init__(self, engine: Engine, access: DirectoryAccess, clock: HandClock, kept: KeptEvidence) -> None:
        self.terminals = Terminals(engine, SecretsBox(Fernet.generate_key()), clock=clock)
        hashing = PasswordHashing(PasswordCost(passes=1, kib=8))
        self.investors = Investors(engine, clock=clock, hashing=hashing)
        self.seen = SystemInfoSeen(engine, clock=clock)
        self.machines = MachineHistory(engine, clock=clock)
        places = KnownPlaces(engine, access, clock=clock)
        self.known = KnownTerminals(access, self.terminals)
        self.directory = Directory(access, self.terminals, self.known, self.investors, places, self.seen, self.machines)
        self.verifier = PlayedVerifier()
        self.counter = PlayedCounter()
        self.guard = LoginGuard(Limits(), places, lambda: 0.0, counter_knows_passwords=True)
        self.kept, self.clock = kept, clock
        self.terminals.add("terminal_1.0", AUTH_CODE)
        self.investors.add(BROKER, "100001", PASSWORD, ["A-1", "A-2"])

    def of(self, mode: Mode, *, verified: bool = True) -> Admission:
        rules = AdmissionRules(BROKER, AgeLimits(oldest=300.0, ahead=60.0), takes_proofs=mode is Mode.MANY_TO_ONE)
        self.counter.mode = mode
        verifier: Any = self.verifier if verified else None
        return Admission(rules, self.counter, self.directory, verifier, self.guard, self.kept, self.clock)

    def is_unused(self, system_info: bytes) -> bool:
        """Whether a terminal may still use these bytes; uses them."""
        return self.seen.remember(system_info, "test")


@pytest.fixture
def door(
    sqlite_engine: Engine, clock: HandClock, kept: KeptEvidence, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    monkeypatch.setattr(known_terminals, "PACE_SECONDS", 0.001)
    with DirectoryAccess() as access:
        yield Door(sqlite_engine, access, clock, kept)


@dataclass(frozen=True)
class Asking:
    """What a terminal sends on its stream."""

    app_id: str
    name: str
    challenge: bytes
    login: pb.Login = field(repr=False)


def asking(app_id: str = "terminal_1.0", name: str = "s-1", challenge: bytes = CHALLENGE, **login: Any) -> Asking:
    """A terminal nothing is wrong with, but for what is said here."""
    system_info = login.pop("system_info", b"\x01" * 264)
    values: dict[str, Any] = {
        "broker_id": BROKER,
        "investor_id": "100001",
        "password": PASSWORD,
        "auth_info": auth_info(AUTH_CODE, challenge),
        "system_info": system_info,
        "system_info_length": len(system_info),
        **login,
    }
    return Asking(app_id, name, challenge, pb.Login(**values))


async def applicant_of(admission: Admission, asked: Asking) -> Applicant:
    terminal = await admission.prove(asked.app_id, asked.challenge, asked.login.auth_info)
    return Applicant(asked.name, terminal, "1.0", ORIGIN, asked.login, challenge=asked.challenge)


async def let_in(admission: Admission, asked: Asking) -> TerminalLogin:
    """As `Sessions` asks."""
    applicant = await applicant_of(admission, asked)
    admission.check_terminal(applicant)
    async with admission.turn(applicant):
        return await admission.admit(applicant)


async def reason(admission: Admission, asked: Asking) -> str:
    with pytest.raises(Refused) as refused:
        await let_in(admission, asked)
    return refused.value.refusal.reason


BOTH = pytest.mark.parametrize("mode", list(Mode))


@BOTH
async def test_a_terminal_in_order_is_let_in_and_reported_as_the_relay_saw_it(door: Door, mode: Mode) -> None:
    """Address, port and time are the relay's own; the bytes are the terminal's, unchanged."""
    login = await let_in(door.of(mode), asking(login_remark="备注", start_from=pb.START_FROM_NOW))

    report = login.report
    assert (report.public_ip, report.port) == ("198.51.100.7", 50123)
    assert report.logged_in_at.isoformat() == "2026-11-22T09:00:00+08:00"
    assert (report.system_info, report.app_id, report.remark) == (b"\x01" * 264, "terminal_1.0", "备注")
    assert login.from_now
    assert login.accounts == (frozenset({"A-1", "A-2"}) if mode is Mode.MANY_TO_ONE else frozenset())


@BOTH
async def test_an_error_of_the_collector_is_refused_where_the_firm_wants_it_clean(door: Door, mode: Mode) -> None:
    """By the kind's name; otherwise it is passed on, as the code it is."""
    admission = door.of(mode)
    passed_on = await let_in(admission, asking(collector_code=4))
    admission.rules = replace(admission.rules, require_clean=frozenset({"ctp"}))

    assert passed_on.report.system_info
    assert await reason(admission, asking(system_info=b"\x02" * 264, collector_code=4)) == "collector_not_clean"
    assert (await let_in(admission, asking(system_info=b"\x03" * 264))).report.system_info


@BOTH
async def test_the_ledger_knows_of_an_admission_before_anybody_else(door: Door, kept: KeptEvidence, mode: Mode) -> None:
    """Without it there is none; and neither password nor proof is in it."""
    await let_in(door.of(mode), asking())
    kept.available = False

    with pytest.raises(LedgerUnavailable):
        await let_in(door.of(mode), asking(system_info=b"\x02" * 264))

    assert kept.kinds == ["terminal_admitted"]
    assert kept.data("terminal_admitted")["genuineness_checked"] is True
    assert PASSWORD not in repr(kept.entries)
    assert AUTH_CODE not in repr(kept.entries)


@pytest.mark.parametrize("by_previous", [False, True])
async def test_the_ledger_says_who_still_logs_in_with_the_previous_code(
    door: Door, kept: KeptEvidence, by_previous: bool
) -> None:
    """The firm looks for them before that code ends."""
    admission = door.of(Mode.MANY_TO_MANY)
    applicant = await applicant_of(admission, asking())

    await admission.admit(replace(applicant, terminal=replace(applicant.terminal, by_previous=by_previous)))

    assert kept.data("terminal_admitted").get("by_previous_code", False) is by_previous


WRONG: list[tuple[str, Asking]] = [
    ("wrong_broker", asking(broker_id="8888")),
    ("request_malformed", asking(password="x" * 50)),
    ("unknown_terminal", asking("nobody_1.0")),
    ("wrong_proof", asking(auth_info=auth_info("ANOTHERCODE00001", CHALLENGE))),
    ("wrong_proof", asking(auth_info=b"")),
    ("wrong_proof", asking(auth_info=b"x" * 4096)),
    ("system_info_length", asking(system_info=b"")),
    ("system_info_length", asking(system_info=b"\x01" * 263)),
    ("system_info_length", asking(system_info=b"\x01" * 274)),
    ("system_info_length", asking(system_info_length=265)),
]


@BOTH
@pytest.mark.parametrize(("why", "applicant"), WRONG, ids=[f"{n}-{why}" for n, (why, _) in enumerate(WRONG)])
async def test_each_wrong_has_its_own_reason_and_goes_no_further(
    door: Door, kept: KeptEvidence, mode: Mode, why: str, applicant: Asking
) -> None:
    """The dear checks are not reached, and the ledger announces nothing."""
    refused_for = await reason(door.of(mode), applicant)

    assert refused_for == why
    assert door.verifier.asked == 0
    assert kept.entries == []


async def test_a_terminal_shut_out_by_the_firm_stays_out(door: Door) -> None:
    """From its next login on; only one with the right proof is told so."""
    door.terminals.set_enabled("terminal_1.0", enabled=False)

    assert await reason(door.of(Mode.MANY_TO_MANY), asking()) == "terminal_disabled"
    assert await reason(door.of(Mode.MANY_TO_MANY), asking(auth_info=b"x" * 128)) == "wrong_proof"


async def test_a_terminal_of_the_other_mode_is_not_let_in(door: Door) -> None:
    """Its reports would be of the wrong kind."""
    door.terminals.add("operators_1.0", AUTH_CODE, [Mode.MANY_TO_ONE])

    assert await reason(door.of(Mode.MANY_TO_MANY), asking("operators_1.0")) == "mode_not_allowed"


async def test_a_recorded_proof_is_known_for_what_it_is(door: Door) -> None:
    """Somebody listened, or a terminal is broken: not a wrong code, and the ledger tells which."""
    admission = door.of(Mode.MANY_TO_MANY)
    await let_in(admission, asking())

    refused_for = await reason(admission, asking(challenge=b"\x07" * 128, auth_info=auth_info(AUTH_CODE, CHALLENGE)))

    assert refused_for == "challenge_replayed"


@pytest.mark.parametrize("code", [-1, -2, -5, -6, -7])
async def test_bytes_the_vendors_library_does_not_know_are_refused_with_its_code(door: Door, code: int) -> None:
    """Before the counter hears of them; the terminal may collect again, so they are not used up."""
    door.verifier.judgement = Judgement(code, b"")
    blob = b"\x05" * 270

    with pytest.raises(Refused) as refused:
        await let_in(door.of(Mode.MANY_TO_MANY), asking(system_info=blob))

    assert refused.value.refusal.code == code
    assert door.is_unused(blob)


@pytest.mark.parametrize(
    ("seconds", "why"), [(301, "system_info_stale"), (-61, "system_info_stale"), (299, ""), (-59, "")]
)
async def test_bytes_must_be_of_this_very_login(door: Door, seconds: int, why: str) -> None:
    """Yesterday's collection may be of another machine."""
    door.clock.at += dt.timedelta(seconds=seconds)
    admission = door.of(Mode.MANY_TO_MANY)

    if why:
        assert await reason(admission, asking()) == why
    else:
        await let_in(admission, asking())


@BOTH
async def test_the_same_bytes_open_one_login_only(door: Door, mode: Mode) -> None:
    """The collector never makes the same twice, so the second use is a copy."""
    admission = door.of(mode)
    await let_in(admission, asking())

    assert await reason(admission, asking(name="s-2")) == "system_info_replayed"


async def test_a_genuine_first_block_opens_one_login_only(door: Door) -> None:
    """With another rest it passes the library's check again; the collector never makes the block again."""
    admission = door.of(Mode.MANY_TO_MANY)
    await let_in(admission, asking())

    forged = asking(name="s-2", system_info=b"\x01" * 16 + b"\x07" * 248)

    assert await reason(admission, forged) == "system_info_replayed"


async def log_in(admission: Admission, name: str, number: int, **login: Any) -> None:
    """Also at the counter, with bytes not used before."""
    asked = asking(name=name, system_info=bytes([number]) * login.pop("length", 264), **login)
    await let_in(admission, asked)
    async with admission.at_counter(await applicant_of(admission, asked)):
        pass
    await settled()
    async with asyncio.timeout(5):
        await asyncio.gather(*admission.watch._tasks._running)


async def test_a_machine_that_suddenly_misses_other_items_is_noted(door: Door, kept: KeptEvidence) -> None:
    """It is let in, with an entry that says what differs and an alarm; the next time it is known."""
    admission = door.of(Mode.MANY_TO_MANY)
    await log_in(admission, "s-1", 1)
    await log_in(admission, "s-2", 2)
    door.verifier.judgement = Judgement(GENUINE, COLLECTED_NOW[:1] + b"3" + COLLECTED_NOW[2:])
    await log_in(admission, "s-3", 3, collector_code=448)
    await log_in(admission, "s-4", 4, collector_code=448)

    assert kept.data("system_info_unlike_before") == {
        "investor_id": "100001",
        "terminal_app_id": "terminal_1.0",
        "place": "198.51.100.7",
        "differences": [
            {"what": "collector_code", "was": 0, "is": 448},
            {"what": "missing_digit", "was": "0", "is": "3"},
        ],
    }
    assert admission.watch.alarms.count(AlarmName.SYSTEM_INFO_UNLIKE_BEFORE) == 1


async def test_another_collector_is_noted_without_an_alarm(door: Door, kept: KeptEvidence) -> None:
    """A firm that gives its terminals a new one would have an alarm for each of them."""
    admission = door.of(Mode.MANY_TO_MANY)
    await log_in(admission, "s-1", 1, collector_version="4066")
    await log_in(admission, "s-2", 2, collector_version="4070")

    assert kept.kinds.count("system_info_unlike_before") == 1
    assert admission.watch.alarms.count(AlarmName.SYSTEM_INFO_UNLIKE_BEFORE) == 0


async def test_where_the_firm_wants_it_a_machine_unlike_before_is_refused(door: Door) -> None:
    """By name, until the firm has its machines forgotten; another collector alone is let in."""
    admission = door.of(Mode.MANY_TO_MANY)
    admission.rules = replace(admission.rules, refuse_unlike=True)
    await log_in(admission, "s-1", 1)
    await log_in(admission, "s-2", 2, collector_version="4070")
    other = asking(name="s-3", system_info=b"\x03" * 270)

    with pytest.raises(Refused, match="length") as caught:
        await let_in(admission, other)
    with writing(door.machines._engine) as connection:
        forget_machines_of(connection, Investor(BROKER, "100001"))
    await log_in(admission, "s-4", 4, length=270)

    assert caught.value.refusal.reason == "system_info_unlike_before"


async def test_a_login_that_the_counter_refuses_teaches_nothing(door: Door, kept: KeptEvidence) -> None:
    """Who lacks the password must not make a machine known, nor sound an alarm."""
    admission = door.of(Mode.MANY_TO_MANY)
    await log_in(admission, "s-1", 1)
    asked = asking(name="s-2", system_info=b"\x02" * 270)
    await let_in(admission, asked)
    with pytest.raises(Refused):
        async with admission.at_counter(await applicant_of(admission, asked)):
            raise Refused(counter_reasons.counter_refused(3, "不合法的登录"))
    await asyncio.wait_for(asyncio.gather(*admission.watch._tasks._running), 5)

    desk = Desk(Investor(BROKER, "100001"), "terminal_1.0", "198.51.100.7")
    assert door.machines.compare(desk, MachineTraits(0, "0", 270, "")) is not None
    assert "system_info_unlike_before" not in kept.kinds
    assert admission._traits == {}


async def test_while_system_info_cannot_be_judged_nobody_is_let_in(door: Door) -> None:
    """Fail closed; and the bytes are still good when it can be."""
    admission = door.of(Mode.MANY_TO_MANY)
    door.verifier.away = True
    assert await reason(admission, asking()) == "verifier_unavailable"

    door.verifier.away = False

    await let_in(admission, asking())


async def test_the_ledger_says_where_nothing_was_judged(door: Door, kept: KeptEvidence) -> None:
    """By the firm's setting, or because WeChat's bytes are of another kind."""
    await let_in(door.of(Mode.MANY_TO_MANY, verified=False), asking())
    door.terminals.set_kinds("terminal_1.0", list(ReportKind))
    await door.known.look()
    await let_in(door.of(Mode.MANY_TO_MANY), asking(system_info=b"\x02" * 264, report_kind=pb.REPORT_KIND_WECHAT))

    assert [data["genuineness_checked"] for _, _, data in kept.entries] == [False, False]
    assert door.verifier.asked == 0


@pytest.mark.parametrize(
    ("allowed", "sent", "kind"),
    [
        (ReportKind.ORDINARY, pb.REPORT_KIND_WECHAT, "wechat"),
        (ReportKind.WECHAT, pb.REPORT_KIND_TERMINAL, "ordinary"),
        (ReportKind.WECHAT, pb.REPORT_KIND_UNSPECIFIED, "ordinary"),
        (ReportKind.WECHAT, 7, "ordinary"),
    ],
)
async def test_which_kind_of_report_an_app_id_sends_is_the_firms_word(
    door: Door, allowed: ReportKind, sent: int, kind: str
) -> None:
    """WeChat's bytes are judged by nothing here, so naming that kind must not be every terminal's choice."""
    door.terminals.set_kinds("terminal_1.0", [allowed])
    await door.known.look()

    with pytest.raises(Refused, match=kind) as caught:
        await let_in(door.of(Mode.MANY_TO_MANY), asking(report_kind=sent))

    assert caught.value.refusal.reason == "report_kind_not_allowed"
    assert door.verifier.asked == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"password": "wrong"}, "wrong_investor_password"), ({"investor_id": "100009"}, "investor_unknown")],
)
async def test_in_many_to_one_the_relay_itself_knows_the_investor(
    door: Door, kept: KeptEvidence, changed: dict[str, Any], why: str
) -> None:
    """The counter never sees the password, so nobody else would check it."""
    assert await reason(door.of(Mode.MANY_TO_ONE), asking(**changed)) == why
    assert kept.entries == []


async def test_in_many_to_many_the_password_is_the_counters_business(door: Door) -> None:
    """The relay has no copy of it."""
    login = await let_in(door.of(Mode.MANY_TO_MANY), asking(password="only the counter knows"))

    assert login.password == "only the counter knows"


async def test_guessing_is_counted_and_locked_before_anything_else_is_looked_at(door: Door) -> None:
    """Three wrong passwords: the right one does not help any more, and no hash is computed for it."""
    admission = door.of(Mode.MANY_TO_ONE)
    for number in range(3):
        guess = asking(password=f"guess {number}", system_info=bytes([number + 1]) * 264, name=f"s-{number}")
        assert await reason(admission, guess) == "wrong_investor_password"
    asked = door.verifier.asked

    assert await reason(admission, asking(system_info=b"\x09" * 264)) == "locked_out"
    assert door.verifier.asked == asked


async def test_what_the_counter_says_is_counted_too(door: Door) -> None:
    """In many-to-many only the counter knows that a password was wrong."""
    admission = door.of(Mode.MANY_TO_MANY)
    for _ in range(3):
        with pytest.raises(Refused):
            async with admission.at_counter(await applicant_of(admission, asking())):
                raise Refused(counter_reasons.counter_refused(3, "不合法的登录"))

    assert await reason(admission, asking()) == "locked_out"


async def test_a_login_the_counter_took_forgets_the_failures(door: Door) -> None:
    """A typing error a day locks nobody."""
    admission = door.of(Mode.MANY_TO_MANY)
    for _ in range(3):
        with pytest.raises(Refused):
            async with admission.at_counter(await applicant_of(admission, asking())):
                raise Refused(counter_reasons.counter_refused(3, "不合法的登录"))
        async with admission.at_counter(await applicant_of(admission, asking())):
            pass

    await let_in(admission, asking())


def proof(**changed: Any) -> Proof:
    values: dict[str, Any] = {"app_id": "terminal_1.0", "answer": auth_info(AUTH_CODE, CHALLENGE), **changed}
    return Proof(origin=ORIGIN, challenge=CHALLENGE, **values)


async def is_refused_a_resume(admission: Admission, **changed: Any) -> None:
    with pytest.raises(Refused) as caught:
        await admission.prove_for_resume(proof(**changed))
    assert caught.value.refusal.reason == "resume_not_proved"
    assert caught.value.refusal.told == stream_reasons.session_gone()


async def test_a_resume_needs_the_proof_of_a_login(door: Door) -> None:
    """And every other answer, of a registered terminal or not, is told in one and the same words."""
    admission = door.of(Mode.MANY_TO_MANY)

    await admission.prove_for_resume(proof())
    for changed in (
        {"answer": b""},
        {"answer": auth_info("TERMINAL00000002", CHALLENGE)},
        {"answer": auth_info(AUTH_CODE, bytes(128))},
        {"app_id": "unknown_1.0"},
    ):
        await is_refused_a_resume(admission, **changed)


async def test_guessing_auth_codes_locks_no_one(door: Door) -> None:
    """Who has none could lock out those who have; 82 bits need no lock."""
    admission = door.of(Mode.MANY_TO_MANY)
    for n in range(50):
        await is_refused_a_resume(admission, answer=bytes(128))
        assert await reason(admission, asking(auth_info=bytes([n]) * 128)) == "wrong_proof"

    assert door.guard.locks() == ()
    await admission.prove_for_resume(proof())
    await let_in(admission, asking())


async def test_while_the_directory_is_away_a_terminal_that_was_let_in_still_resumes(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that fails must not end trading: what was read of it last stays in force."""

    async def away(_: object) -> None:
        raise DirectoryUnavailable("the database is away")

    admission = door.of(Mode.MANY_TO_MANY)
    await let_in(admission, asking())
    monkeypatch.setattr(door.directory.access, "run", away)

    await admission.prove_for_resume(proof())
    await is_refused_a_resume(admission, answer=bytes(128))


async def test_an_applicant_shows_no_secret(door: Door) -> None:
    """In a traceback, a log, a debugger's window shared on a screen."""
    shown = repr(await applicant_of(door.of(Mode.MANY_TO_MANY), asking()))

    assert "terminal_1.0" in shown
    assert PASSWORD not in shown
    assert AUTH_CODE not in shown
    assert "auth_info" not in shown


HUNDSUN = WantedInfo("hundsun", required=True, differs=True)


def collected(info: bytes = b"H" * 492, **more: Any) -> list[pb.CollectedInfo]:
    return [pb.CollectedInfo(kind="hundsun", info=info, length=len(info), **more)]


async def test_what_another_collector_gave_goes_to_counter_and_ledger(door: Door) -> None:
    """Byte for byte, with its return code; the ledger has its SHA-256 too."""
    door.counter.wanted = (HUNDSUN,)
    sent = collected(return_code=3, completeness=b"C" * 128, collector_version="3.7.1.13")

    login = await let_in(door.of(Mode.MANY_TO_MANY), asking(system_info=b"", collected=sent))

    assert login.report.collected == (CollectedInfo("hundsun", b"H" * 492, 492, 3, b"C" * 128, "3.7.1.13"),)
    assert door.verifier.asked == 0
    entry = door.kept.data("terminal_admitted")
    assert entry["genuineness_checked"] is False
    assert entry["collected"] == [
        {
            "kind": "hundsun",
            "info": base64.b64encode(b"H" * 492).decode(),
            "length": 492,
            "sha256": hashlib.sha256(b"H" * 492).hexdigest(),
            "return_code": 3,
            "completeness": base64.b64encode(b"C" * 128).decode(),
            "collector_version": "3.7.1.13",
        }
    ]


async def test_collected_info_is_used_once(door: Door) -> None:
    """Where its collector never gives the same twice."""
    door.counter.wanted = (HUNDSUN,)
    admission = door.of(Mode.MANY_TO_MANY)
    await let_in(admission, asking(system_info=b"", collected=collected()))

    assert await reason(admission, asking(name="s-2", system_info=b"", collected=collected())) == "system_info_replayed"


async def test_ctps_system_info_is_judged_beside_another_kind(door: Door) -> None:
    """Whatever else the counter wants."""
    door.counter.wanted = (HUNDSUN,)
    admission = door.of(Mode.MANY_TO_MANY)

    assert await reason(admission, asking(system_info=b"x", collected=collected())) == "system_info_length"
    await let_in(admission, asking(collected=collected()))
    assert door.verifier.asked == 1


async def test_what_the_counter_does_not_want_uses_nothing_up(door: Door) -> None:
    """It is refused before anything is remembered or asked."""
    admission = door.of(Mode.MANY_TO_MANY)

    assert await reason(admission, asking(collected=collected())) == "collected_info_not_wanted"
    assert door.is_unused(b"\x01" * 264)
    assert door.is_unused(b"H" * 492)


async def password_proof(door: Door, password: str = PASSWORD, investor_id: str = "100001") -> pb.PasswordProof:
    """As a terminal makes it, from the offer and the password alone."""
    offer = door.of(Mode.MANY_TO_ONE).password_offer()
    assert offer is not None
    named = SaltedName(offer.firm_salt, offer.passes, offer.memory_kib, BROKER, investor_id)
    key = await DerivedPasswords().key(named, Secret(password))
    assert key is not None
    said = said_of(CHALLENGE, b"n" * 32, "terminal_1.0", named)
    return pb.PasswordProof(nonce=b"n" * 32, proof=key.proof(said))


async def test_where_the_counter_knows_passwords_no_proof_is_offered(door: Door) -> None:
    """It wants the password itself, and a proof beside it is passed over."""
    assert door.of(Mode.MANY_TO_MANY).password_offer() is None

    shown = pb.PasswordProof(nonce=b"n" * 32, proof=b"p" * 32)
    login = await let_in(door.of(Mode.MANY_TO_MANY), asking(password_proof=shown))

    assert (login.password, login.relay_proof) == (PASSWORD, b"")


async def test_a_right_proof_is_enough_and_is_answered(door: Door) -> None:
    """With the password beside it or not; what the relay answers is made of the password's keys."""
    alone = await let_in(door.of(Mode.MANY_TO_ONE), asking(password="", password_proof=await password_proof(door)))
    beside = await let_in(
        door.of(Mode.MANY_TO_ONE), asking(password_proof=await password_proof(door), system_info=b"\x02" * 264)
    )

    assert alone.accounts == beside.accounts == frozenset({"A-1", "A-2"})
    assert alone.relay_proof == beside.relay_proof != b""
    assert len(alone.relay_proof) == 32


async def test_a_proof_for_another_stream_is_worth_nothing(door: Door) -> None:
    """It names the challenge it answers."""
    other = b"o" * 128

    refused_for = await reason(
        door.of(Mode.MANY_TO_ONE), asking(challenge=other, password="", password_proof=await password_proof(door))
    )

    assert refused_for == "wrong_investor_password"


async def test_a_wrong_proof_alone_is_refused_and_counted_as_a_wrong_password_is(door: Door) -> None:
    """Of a registered investor and of one who is not, after the same steps; three lock."""
    admission, reasons = door.of(Mode.MANY_TO_ONE), {}
    for investor_id in ("100001", "100009"):
        wrong = await password_proof(door, "wrong", investor_id)
        reasons[investor_id] = [
            await reason(
                admission,
                asking(
                    investor_id=investor_id,
                    password="",
                    password_proof=wrong,
                    system_info=bytes([number, int(investor_id[-1])]) * 132,
                ),
            )
            for number in range(4)
        ]

    assert reasons == {
        "100001": ["wrong_investor_password"] * 3 + ["locked_out"],
        "100009": ["investor_unknown"] * 3 + ["locked_out"],
    }


async def test_beside_a_wrong_proof_the_password_decides(door: Door) -> None:
    """The firm gave the investor a new password, or keeps it as earlier versions did."""
    wrong = await password_proof(door, "wrong")

    login = await let_in(door.of(Mode.MANY_TO_ONE), asking(password_proof=wrong))

    assert login.relay_proof == b""
    assert (
        await reason(
            door.of(Mode.MANY_TO_ONE), asking(password="wrong", password_proof=wrong, system_info=b"\x02" * 264)
        )
        == "wrong_investor_password"
    )


async def test_a_relay_that_takes_proofs_only_says_so_and_takes_no_password(door: Door) -> None:
    """Not even the right one, which gets the answer of a wrong one."""
    admission = door.of(Mode.MANY_TO_ONE)
    admission.rules = replace(admission.rules, proof_only=True)
    offer = admission.password_offer()

    assert offer is not None
    assert offer.proof_only
    assert await reason(admission, asking()) == "wrong_investor_password"
    await let_in(admission, asking(password="", password_proof=await password_proof(door), system_info=b"\x02" * 264))
