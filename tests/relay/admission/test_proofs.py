"""The proof before everything: one answer for strangers, the same work for every app id, and no query of theirs."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from sqlalchemy import Engine, event, text

from relay.admission import challenge as challenges
from relay.admission.challenge import auth_info
from relay.admission.proofs import Proofs
from relay.counter.port import Mode
from relay.database.database import writing
from relay.directory import known_terminals
from relay.directory.access import DirectoryAccess
from relay.directory.known_terminals import KnownTerminals
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import Terminals
from relay.refusals.refusal import Refused
from tests.relay.conftest import HandClock

CODE, OTHER_CODE = "TERMINAL00000001", "TERMINAL00000002"
NEW_CODE, THIRD_CODE = "TERMINAL00000003", "TERMINAL00000004"
CHALLENGE, LATER, LAST = bytes(range(128)), bytes(reversed(range(128))), bytes([7]) * 128
RIGHT, WRONG = auth_info(CODE, CHALLENGE), auth_info(OTHER_CODE, CHALLENGE)
SLOW = 3600.0
"""seconds between looks that no test waits for"""


class Work:
    """What the relay did: queries, and times AES was run."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queries = self.encryptions = 0
        encrypt = challenges._encrypt

        def counted(key: bytes, timestamp: bytes) -> bytes:
            self.encryptions += 1
            return encrypt(key, timestamp)

        monkeypatch.setattr(challenges, "_encrypt", counted)
        event.listen(engine, "before_cursor_execute", self._asked)

    def _asked(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.queries += statement.startswith("SELECT")

    def taken(self) -> tuple[int, int]:
        """Queries and encryptions since the last call."""
        found = self.queries, self.encryptions
        self.queries = self.encryptions = 0
        return found


class Firm:
    """A directory with one terminal, known to a relay."""

    def __init__(self, engine: Engine, clock: HandClock, access: DirectoryAccess) -> None:
        self.engine = engine
        self.terminals = Terminals(engine, SecretsBox(Fernet.generate_key()), clock=clock)
        self.terminals.add("terminal_1.0", CODE)
        self.known = KnownTerminals(access, self.terminals)
        self.proofs = Proofs(self.known, clock)
        self.heard: list[str] = []
        """what the strangers were answered"""

    async def answer(self, app_id: str, answer: bytes, challenge: bytes = CHALLENGE) -> str:
        """What the ledger would have of it: the reason, or "proved"."""
        try:
            await self.proofs.prove(app_id, challenge, answer)
        except Refused as refused:
            self.heard.append(refused.refusal.told.reason)
            return refused.refusal.reason
        return "proved"


@pytest_asyncio.fixture
async def firm(sqlite_engine: Engine, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    monkeypatch.setattr(known_terminals, "PACE_SECONDS", 0.02)
    with DirectoryAccess(threads=1) as access:
        made = Firm(sqlite_engine, clock, access)
        async with made.known.kept(SLOW):
            yield made


async def test_strangers_hear_one_answer_and_the_ledger_three(firm: Firm) -> None:
    """Unknown app id, wrong auth code, an answer that somebody listened to: none learns which of them it was."""
    assert await firm.answer("terminal_1.0", RIGHT) == "proved"

    assert await firm.answer("other_1.0", WRONG) == "unknown_terminal"
    assert await firm.answer("terminal_1.0", WRONG) == "wrong_proof"
    assert await firm.answer("terminal_1.0", b"") == "wrong_proof"
    assert await firm.answer("terminal_1.0", RIGHT, LATER) == "challenge_replayed"
    assert await firm.answer("other_1.0", RIGHT, LATER) == "challenge_replayed"
    assert firm.heard == ["terminal_not_accepted"] * firm.proofs.failed == ["terminal_not_accepted"] * 5


async def test_a_registered_app_id_costs_what_an_unknown_one_costs(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the time of the answer, or the load of the database, would say which app ids there are."""
    work = Work(firm.engine, monkeypatch)
    cost = []
    for app_id in ("terminal_1.0", "other_1.0"):
        await firm.answer(app_id, WRONG)
        cost.append(work.taken())

    assert cost[0] == cost[1] == (1, 4)


async def test_a_right_proof_asks_the_database_nothing(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two AES are all: one for each code there may be."""
    work = Work(firm.engine, monkeypatch)

    assert await firm.answer("terminal_1.0", RIGHT) == "proved"

    assert work.taken() == (0, 2)


async def test_a_flood_of_wrong_proofs_shares_its_looks(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand at once are one query, and an honest proof between them waits for none."""
    work = Work(firm.engine, monkeypatch)
    monkeypatch.setattr(known_terminals, "PACE_SECONDS", SLOW)
    flood = [asyncio.ensure_future(firm.answer(f"made_up_{n}", WRONG)) for n in range(1000)]
    await asyncio.sleep(0)

    assert await firm.answer("terminal_1.0", RIGHT) == "proved"
    assert set(await asyncio.gather(*flood)) == {"unknown_terminal"}
    assert work.queries == 1


async def test_a_terminal_registered_a_moment_ago_is_admitted(firm: Firm) -> None:
    """And one whose code was changed, with the new one; its vendor tries at once."""
    firm.terminals.add("new_1.0", OTHER_CODE)
    assert await firm.answer("new_1.0", WRONG) == "proved"

    firm.terminals.rotate("terminal_1.0", OTHER_CODE)
    assert await firm.answer("terminal_1.0", WRONG) == "proved"


async def test_what_the_firm_changed_is_known_after_a_look(firm: Firm) -> None:
    """A code that was replaced proves no more; that a terminal is disabled stands in what is known of it."""
    firm.terminals.add("other_1.0", CODE, [Mode.MANY_TO_ONE])
    firm.terminals.rotate("terminal_1.0", OTHER_CODE)
    firm.terminals.set_enabled("other_1.0", False)

    await firm.known.look()

    assert await firm.answer("terminal_1.0", RIGHT) == "wrong_proof"
    disabled = await firm.proofs.prove("other_1.0", CHALLENGE, RIGHT)
    assert (disabled.enabled, disabled.modes) == (False, frozenset({Mode.MANY_TO_ONE}))


async def test_the_table_is_looked_at_again_and_again(firm: Firm) -> None:
    """Without any login that asks for it."""
    async with firm.known.kept(0.001):
        before = firm.known.looks
        async with asyncio.timeout(10):
            while firm.known.looks < before + 3:  # noqa: ASYNC110 - nothing announces a look
                await asyncio.sleep(0.001)


async def test_a_directory_that_is_away_changes_nothing_that_is_known(firm: Firm) -> None:
    """Proofs go on: such a login still has to write into the directory, and is refused there as unavailable."""
    with writing(firm.engine) as connection:
        connection.execute(text("DROP TABLE terminal"))

    await firm.known.look()

    assert await firm.answer("terminal_1.0", RIGHT) == "proved"
    assert await firm.answer("other_1.0", RIGHT, LATER) == "challenge_replayed"
    assert await firm.answer("terminal_1.0", WRONG) == "wrong_proof"


async def test_a_directory_that_hangs_holds_a_stranger_for_a_bounded_time(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer does not wait for the look."""
    monkeypatch.setattr(known_terminals, "_PATIENCE_SECONDS", 0.01)
    async with firm.known._reading:
        assert await firm.answer("other_1.0", WRONG) == "unknown_terminal"


async def test_a_code_of_another_key_proves_nothing(firm: Firm, clock: HandClock) -> None:
    """Not even its own: operations read of it in the log, strangers hear the one answer."""
    with DirectoryAccess(threads=1) as access:
        other = KnownTerminals(access, Terminals(firm.engine, SecretsBox(Fernet.generate_key()), clock=clock))
        await other.look()
        firm.proofs = Proofs(other, clock)
        async with other.kept(SLOW):
            assert await firm.answer("terminal_1.0", RIGHT) == "wrong_proof"


async def test_after_a_rotation_with_an_overlap_both_codes_prove(firm: Firm, clock: HandClock) -> None:
    """The old one until its time, and not a moment longer; the look before it knows already when it ends."""
    firm.terminals.rotate("terminal_1.0", NEW_CODE, clock() + dt.timedelta(days=7))
    await firm.known.look()

    assert await firm.answer("terminal_1.0", auth_info(NEW_CODE, CHALLENGE)) == "proved"
    assert (await firm.proofs.prove("terminal_1.0", LATER, auth_info(CODE, LATER))).by_previous
    clock.move(7 * 86400 + 1)
    assert await firm.answer("terminal_1.0", auth_info(CODE, LAST), LAST) == "wrong_proof"
    assert await firm.answer("terminal_1.0", auth_info(NEW_CODE, LAST), LAST) == "proved"


async def test_an_overlap_is_ended_early_and_by_the_next_rotation(firm: Firm, clock: HandClock) -> None:
    """Two codes are valid at most."""
    week = clock() + dt.timedelta(days=7)
    firm.terminals.rotate("terminal_1.0", NEW_CODE, week)
    firm.terminals.rotate("terminal_1.0", THIRD_CODE, week)
    await firm.known.look()
    first = await firm.answer("terminal_1.0", RIGHT)
    second = await firm.answer("terminal_1.0", auth_info(NEW_CODE, LATER), LATER)
    firm.terminals.end_overlap("terminal_1.0")
    await firm.known.look()
    third = await firm.answer("terminal_1.0", auth_info(NEW_CODE, LAST), LAST)

    assert (first, second, third) == ("wrong_proof", "proved", "wrong_proof")


async def test_an_app_id_with_two_codes_costs_what_one_with_one_costs(
    firm: Firm, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger does not learn from the time that a code is being replaced."""
    firm.terminals.rotate("terminal_1.0", NEW_CODE, clock() + dt.timedelta(days=7))
    await firm.known.look()
    work = Work(firm.engine, monkeypatch)
    cost = []
    for app_id in ("terminal_1.0", "other_1.0"):
        await firm.answer(app_id, WRONG)
        cost.append(work.taken()[1])

    assert cost == [4, 4]
