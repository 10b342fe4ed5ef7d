"""Terminals and investors that are disabled while they are logged in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from relay.admission.admission import Directory
from relay.admission.known_places import KnownPlaces
from relay.admission.machines import MachineHistory
from relay.admission.system_info_seen import SystemInfoSeen
from relay.counter.port import Investor, Mode
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.investors import Investors
from relay.directory.known_terminals import KnownTerminals
from relay.directory.password_keys import PasswordCost, PasswordHashing
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import Terminals
from relay.sessions.endings import Ending, EndKind
from relay.sessions.revocations import Revocations
from relay.sessions.session import SessionIdentity
from tests.relay.conftest import HandClock
from tests.relay.sessions.played_counter import BROKER


class Session:
    """What is looked at of a `TerminalSession`."""

    def __init__(self, investor_id: str, app_id: str = "terminal_1.0") -> None:
        self.identity = SessionIdentity("s", Investor(BROKER, investor_id), app_id, "198.51.100.7", Mode.MANY_TO_ONE)
        self.ending = False
        self.ended = asyncio.Event()
        self.why = ""

    def end_soon(self, ending: Ending) -> None:
        assert ending.kind is EndKind.DISABLED
        self.ending, self.why = True, ending.text
        self.ended.set()


@pytest.fixture
def directory(engine: Engine, clock: HandClock) -> Iterator[Directory]:
    with DirectoryAccess(threads=1) as access:
        hashing = PasswordHashing(PasswordCost(passes=1, kib=8))
        box = SecretsBox(Fernet.generate_key())
        terminals = Terminals(engine, box, clock=clock)
        found = Directory(
            access,
            terminals,
            KnownTerminals(access, terminals),
            Investors(engine, clock=clock, hashing=hashing),
            KnownPlaces(engine, access, clock=clock),
            SystemInfoSeen(engine, clock=clock),
            MachineHistory(engine, clock=clock),
        )
        for app_id in ("terminal_1.0", "other_1.0"):
            found.terminals.add(app_id, "TERMINAL00000001")
        for investor_id in ("100001", "100002"):
            found.investors.add(BROKER, investor_id, "geheim")
        yield found


async def looked(directory: Directory, mode: Mode, *sessions: Any) -> list[str]:
    await Revocations(directory, mode).look(sessions)
    return [session.why.partition(":")[0] for session in sessions]


async def test_the_sessions_of_a_disabled_terminal_end(directory: Directory) -> None:
    """In both modes; those of other terminals go on."""
    directory.terminals.set_enabled("terminal_1.0", False)

    for mode in Mode:
        ended = await looked(directory, mode, Session("100001"), Session("100002"), Session("100001", "other_1.0"))

        assert ended == ["terminal_disabled", "terminal_disabled", ""]


async def test_the_sessions_of_a_disabled_investor_end(directory: Directory) -> None:
    """Where the relay is the one who knows investors; in many-to-many it has none of its own."""
    directory.investors.set_enabled(BROKER, "100001", False)
    sessions = Session("100001"), Session("100002"), Session("100001", "other_1.0")

    assert await looked(directory, Mode.MANY_TO_MANY, *sessions) == ["", "", ""]
    assert await looked(directory, Mode.MANY_TO_ONE, *sessions) == ["investor_disabled", "", "investor_disabled"]


async def test_a_terminal_no_longer_admitted_in_this_mode_ends(directory: Directory) -> None:
    """Nor one whose entry was taken out of the table by hand."""
    directory.terminals.add("m2m_1.0", "TERMINAL00000001", [Mode.MANY_TO_MANY])
    sessions = Session("100001", "m2m_1.0"), Session("100001", "gone_1.0")

    assert await looked(directory, Mode.MANY_TO_ONE, *sessions) == ["terminal_disabled", "terminal_disabled"]


async def test_while_the_directory_is_away_nobody_is_ended(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were admitted, and may resume; a database that fails must not end trading."""

    async def away(_: object) -> None:
        raise DirectoryUnavailable("the database is away")

    monkeypatch.setattr(directory.access, "run", away)
    session: Any = Session("100001")

    assert await looked(directory, Mode.MANY_TO_ONE, session) == [""]
    assert await Revocations(directory, Mode.MANY_TO_ONE).refusal(session) is None


async def test_a_resume_is_refused_by_name(directory: Directory) -> None:
    """The check of a moment, however long ago somebody looked."""
    revocations, session = Revocations(directory, Mode.MANY_TO_ONE), Session("100001")
    before = await revocations.refusal(session)  # type: ignore[arg-type]
    directory.investors.set_enabled(BROKER, "100001", False)
    after = await revocations.refusal(session)  # type: ignore[arg-type]

    assert before is None
    assert after is not None
    assert after.reason == "investor_disabled"


async def test_an_announced_change_is_looked_at_at_once(directory: Directory) -> None:
    """The pause between two looks is an hour here."""
    revocations, session = Revocations(directory, Mode.MANY_TO_ONE), Session("100001")
    watching = asyncio.ensure_future(revocations.watch([session], 3600.0))  # type: ignore[list-item]
    directory.investors.set_enabled(BROKER, "100001", False)

    revocations.look_soon()

    await asyncio.wait_for(session.ended.wait(), 10)
    watching.cancel()
    assert revocations.announced == 1


async def test_who_asks_for_a_look_hears_how_many_it_ended(directory: Directory) -> None:
    """After it, the terminals that logins are judged by are those of now as well."""
    revocations, sessions = Revocations(directory, Mode.MANY_TO_ONE), [Session("100001"), Session("100002")]
    directory.terminals.set_enabled("terminal_1.0", False)

    ended = await revocations.look_now(sessions)  # type: ignore[arg-type]

    known = directory.known.find("terminal_1.0")
    assert known is not None
    assert (ended, known.enabled) == (2, False)


async def test_a_change_is_looked_at_once(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was announced is done with: the next look waits for the next change, or for its time."""
    looks: list[bool] = []
    revocations = Revocations(directory, Mode.MANY_TO_ONE)

    async def counted() -> None:
        looks.append(revocations._changed.is_set())

    monkeypatch.setattr(directory.known, "look", counted)
    watching = asyncio.ensure_future(revocations.watch([], 3600.0))
    revocations.look_soon()
    for _ in range(20):
        await asyncio.sleep(0)
    watching.cancel()

    assert looks == [False]


async def test_a_watch_looks_when_its_time_has_come(directory: Directory) -> None:
    """A command of another process may have announced nothing here."""
    revocations, session = Revocations(directory, Mode.MANY_TO_ONE), Session("100001")
    directory.investors.set_enabled(BROKER, "100001", False)

    watching = asyncio.ensure_future(revocations.watch([session], 0.01))  # type: ignore[list-item]

    await asyncio.wait_for(session.ended.wait(), 10)
    watching.cancel()
    assert revocations.announced == 0


async def test_a_look_goes_by_those_who_are_not_at_their_end_already(directory: Directory) -> None:
    """A session that ends for another reason keeps that reason."""
    directory.investors.set_enabled(BROKER, "100001", False)
    ending, here = Session("100001"), Session("100001")
    ending.ending = True

    found = await Revocations(directory, Mode.MANY_TO_ONE).look([ending, here])  # type: ignore[list-item]

    assert (found, ending.why, here.ending) == (1, "", True)


async def test_a_directory_that_is_away_is_one_line_until_it_is_back(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is looked for; after it was back the next time is another line."""
    revocations, session = Revocations(directory, Mode.MANY_TO_ONE), Session("100002")
    run, is_away = directory.access.run, True

    async def maybe(work: Any) -> Any:
        if is_away:
            raise DirectoryUnavailable("the database is away")
        return await run(work)

    monkeypatch.setattr(directory.access, "run", maybe)
    with structlog.testing.capture_logs() as lines:
        for away in (True, True, False, True):
            is_away = away
            await revocations.look([session])  # type: ignore[list-item]

    assert [line["event"] for line in lines] == ["directory_away"] * 2
