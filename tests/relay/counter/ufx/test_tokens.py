"""Tokens over one connection, by the vendor's own library: many of them, the ledger first, answers that do not come."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from relay.counter.port import Investor, TerminalReport
from relay.counter.translated.values import AnswerLost, NotSent
from relay.counter.ufx.line import LineParts, UfxLine
from relay.counter.ufx.t2.library import T2Library
from relay.counter.ufx.token import TokenOwner, UfxToken
from relay.counter.ufx.words import Ufx
from relay.faults.faults import Faults
from relay.faults.table import Fault
from relay.refusals import relay_reasons
from relay.refusals.refusal import LedgerUnavailable, Refused, Source
from relay.settings.ufx_section import UfxSettings
from simcounter.counter import SimulatedCounter
from simcounter.demo_accounts import password_of
from tests.relay.counter.ufx.t2.conftest import counter, counter_config, library

__all__ = ["counter", "counter_config", "library"]
ONE = "100001"
SECONDS = 20.0
REPORT = TerminalReport(
    Investor("9999", ONE), bytes(range(256)) + b"\0" * 12, "terminal_1.0", "192.0.2.9", 40000,
    dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC),
)  # fmt: skip


class KeptEvidence:
    """The ledger, as far as a token needs one."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.data: list[Mapping[str, object]] = []
        self.broken = False

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        del session
        if self.broken:
            raise LedgerUnavailable
        self.kinds.append(kind)
        self.data.append(data)

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        await self.record(kind, session, data)


class Rig:
    """A live line, and tokens on it."""

    def __init__(self, line: UfxLine, settings: UfxSettings, faults: Faults, counter: SimulatedCounter) -> None:
        self.line, self.settings, self.faults, self.counter = line, settings, faults, counter
        self.evidence = KeptEvidence()
        self._order = 0

    def token(self, operator_no: str = ONE, password: str = "") -> UfxToken:
        async def read() -> str:
            return password or password_of(operator_no)

        self._order += 1
        return UfxToken(
            self.line, TokenOwner("s1", operator_no, read, REPORT), self._order, self.settings, self.evidence
        )

    def command(self, name: str, **arguments: object) -> object:
        return self.counter.control.commands()[name](**arguments)


async def until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not fact():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


@pytest.fixture
async def rig(library: T2Library, counter: SimulatedCounter, tmp_path: Path) -> AsyncIterator[Rig]:
    settings = UfxSettings(
        servers=(f"127.0.0.1:{counter.port}",),
        library=library.path,
        answer_seconds=10.0,
        connect_seconds=5.0,
        reconnect_seconds=0.1,
        dead_token_codes=("1901",),
    )
    faults = Faults()
    line = UfxLine(LineParts(library, settings, faults, tmp_path, "relay1"))
    line.begin()
    await until(lambda: line.live)
    yield Rig(line, settings, faults, counter)
    await line.close()


async def test_500_tokens_live_on_one_connection(rig: Rig) -> None:
    """Each its own; each answers for itself."""
    tokens = [rig.token() for _ in range(500)]
    await asyncio.gather(*(token.log_in() for token in tokens))
    replies = await asyncio.gather(*(token.send(Ufx.HEARTBEAT) for token in tokens))
    rig.command("ufx_end_tokens")
    dead = await tokens[7].send(Ufx.HEARTBEAT)

    assert [reply.error for reply in replies] == [None] * 500
    assert rig.command("ufx_status") == {"connections": 1, "tokens": [], "subscriptions": [], "logins": 500}
    assert dead.error is not None
    assert tokens[7].is_dead(dead.error)
    grants = {data["grant_sha256"] for data in rig.evidence.data if "grant_sha256" in data}
    assert len(grants) == 500


async def test_no_login_without_its_ledger_entry(rig: Rig) -> None:
    """The ledger first: where it cannot be written, the counter hears nothing."""
    token = rig.token()
    rig.evidence.broken = True

    with pytest.raises(LedgerUnavailable):
        await token.log_in()

    assert rig.counter.control.status()["by_method"] == {}
    assert not token.is_in


async def test_a_refused_login_is_in_the_counters_words(rig: Rig) -> None:
    """And counts as a wrong password, unless the settings know better."""
    with pytest.raises(Refused) as refused:
        await rig.token(password="wrong").log_in()

    assert (refused.value.refusal.source, refused.value.refusal.code) == (Source.COUNTER, 3)
    assert refused.value.refusal.native is not None
    assert (refused.value.refusal.native.code, refused.value.refusal.native.level) == ("3", 2)
    assert rig.evidence.kinds == ["terminal_report", "terminal_report_result", "counter_login_answer"]
    assert "wrong" not in str(rig.evidence.data)


async def test_an_answer_that_is_late_is_lost_and_not_taken_for_another(rig: Rig) -> None:
    """The call fails by its own deadline; the next one gets its own answer."""
    token = rig.token()
    await token.log_in()
    object.__setattr__(rig.settings, "answer_seconds", 0.3)
    rig.command("ufx_delay", function=30001, seconds=1.0)

    with pytest.raises(AnswerLost):
        await token.send(Ufx.ACCOUNTS)
    await asyncio.sleep(1.2)
    reply = await token.send(Ufx.PORTFOLIOS)

    assert [row["account_code"] for row in reply.rows] == [ONE]
    assert "combi_no" in reply.rows[0]


@pytest.mark.parametrize("content", ["00ff", "210103", ""], ids=["no pack", "cut", "nothing"])
async def test_an_answer_that_cannot_be_read_is_lost(rig: Rig, content: str) -> None:
    """What became of the call is not known; the connection stays."""
    token = rig.token()
    await token.log_in()
    rig.command("ufx_content", function=30001, content=content)

    with pytest.raises(AnswerLost):
        await token.send(Ufx.ACCOUNTS)
    assert (await token.send(Ufx.ACCOUNTS)).error is None
    assert rig.line.live


async def test_a_counter_that_is_gone_is_a_fault_until_it_is_back(rig: Rig) -> None:
    """What waits is lost, nothing is sent meanwhile, and the line comes back by itself."""
    token = rig.token()
    await token.log_in()
    rig.command("ufx_ignore", function=30001)
    waiting = asyncio.ensure_future(token.send(Ufx.ACCOUNTS))
    await asyncio.sleep(0.2)
    await rig.counter.stop_listening()

    with pytest.raises(AnswerLost):
        await waiting
    await until(lambda: rig.faults.stands(Fault.FRONT_DOWN))
    with pytest.raises(NotSent):
        await token.send(Ufx.HEARTBEAT)
    await rig.counter.listen()
    await until(lambda: rig.line.live and not rig.faults.stands(Fault.FRONT_DOWN))


async def test_servers_are_tried_in_turn(rig: Rig) -> None:
    """Whichever is down; the library itself would take one and stay with it."""
    first = rig.settings.servers[0]
    second = await rig.command("ufx_second_address")  # type: ignore[misc]
    for servers in ((first, second), (second, first)):
        object.__setattr__(rig.settings, "servers", servers)
        await rig.command("ufx_stop_first")  # type: ignore[misc]
        before = rig.counter.front.counts.connections
        rig.line.try_now()
        await until(lambda n=before: rig.counter.front.counts.connections > n and rig.line.live)  # type: ignore[misc]

    assert not rig.faults.stands(Fault.FRONT_DOWN)


@pytest.mark.parametrize("command", ["ufx_refuse", "ufx_level_one"])
async def test_a_counter_that_echoes_secrets_puts_them_nowhere(rig: Rig, command: str) -> None:
    """The password of a login and the token of a call are out of its words before these go on."""
    password, token = password_of(ONE), rig.token()
    echo = "x" * 195 + password + " was wrong"
    rig.command(command, function=int(Ufx.LOGIN), code=3, text=echo)
    with pytest.raises(Refused) as refused:
        await token.log_in()
    await token.log_in()
    value = getattr(token, "_value")  # noqa: B009 - nothing else has it
    rig.command(command, function=int(Ufx.ACCOUNTS), code=9, text=f"[{value}]")
    reply = await token.send(Ufx.ACCOUNTS)
    native = refused.value.refusal.native

    assert native is not None
    assert native.text.startswith("x" * 195 + "***")
    assert reply.error is not None
    assert reply.error.text.strip("[] ") == "***"
    for secret in (password, password[:4], value):
        assert secret not in f"{rig.evidence.data} {refused.value.refusal} {native.text} {reply.error}"


async def test_what_is_over_is_not_broken_off_again(rig: Rig) -> None:
    """Who finds a way no good says which one: the next way goes on."""
    first = rig.line.way
    rig.line.break_off("no good", first)
    await until(lambda: rig.line.way > first and rig.line.live)
    connections = rig.counter.front.counts.connections
    refusal = relay_reasons.counter_unavailable(why="late")
    rig.line.break_off("late", first)
    rig.line.stop_for_person(refusal, first)
    for _ in range(10):
        await rig.token().log_in()

    assert rig.line.live
    assert rig.counter.front.counts.connections == connections
    now = rig.line.way
    rig.line.break_off("no good", now)
    await until(lambda: rig.line.way > now and rig.line.live)


async def test_a_login_cancelled_while_it_subscribes_leaves_nothing(rig: Rig) -> None:
    """The library cannot be stopped on the way: what it took is given back, and another's stays."""
    password = password_of(ONE)
    subscribing = asyncio.ensure_future(rig.line.subscribe(ONE, password))
    for _ in range(3):
        await asyncio.sleep(0)  # the library is asked, and cannot have answered
    subscribing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await subscribing
    await rig.line.subscribe(ONE, password)
    await rig.line.unsubscribe(ONE, rig.line.way)
    await until(lambda: rig.command("ufx_status")["subscriptions"] == [])  # type: ignore[index]


async def test_a_push_that_cannot_be_read_has_the_day_read_again(rig: Rig) -> None:
    """It may have been anybody's order."""
    missed: list[str] = []

    class Deaf:
        """A terminal that only hears what it missed."""

        live = True

        def missed(self, operator_no: str) -> None:
            missed.append(operator_no)

    rig.line.hearers.add("1", "1", Deaf())  # type: ignore[arg-type]
    rig.line.pushed(b"no pack")

    assert missed == [""]


def test_an_owner_shows_no_password() -> None:
    """Neither does its token."""

    async def read() -> str:
        return "SECRET"

    assert "read" not in repr(TokenOwner("s1", ONE, read, None))
