"""Recording: committed before it returns, in one chain, in one order, or refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, text

from relay.database.database import open_database, upgrade, writing
from relay.database.times import stamp
from relay.faults.flapping import MOST_EDGES
from relay.ledger import ledger as module
from relay.ledger.chain import SecretInLedger
from relay.ledger.ledger import Ledger, record_now
from relay.ledger.reader import audit, read, stretches
from relay.ledger.spool import Spool
from relay.refusals.refusal import LedgerUnavailable
from tests.postgres import PostgresServer
from tests.relay.conftest import HandClock
from tests.relay.ledger.test_order_trail import answers_lost_once


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool.jsonl")


async def test_an_entry_is_in_the_database_when_record_returns(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """Readable by another connection, with the time in UTC+8 and the data as given."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await ledger.record("terminal_admitted", "s-1", {"public_ip": "198.51.100.7"})

        (entry,) = read(engine)
    assert (entry.chain, entry.sequence, entry.kind, entry.session) == ("relay", 1, "terminal_admitted", "s-1")
    assert entry.at == "2026-11-22T09:00:00.000000+08:00"
    assert entry.data == '{"public_ip":"198.51.100.7"}'


async def test_many_at_once_are_one_whole_chain(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """Every entry once, in the order they were recorded, however they were grouped."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await asyncio.gather(*(ledger.record("k", "s", {"number": number}) for number in range(600)))

    assert [entry.data for entry in read(engine)] == [f'{{"number":{number}}}' for number in range(600)]
    assert [found.problems for found in audit(engine)] == [()]


async def test_a_restarted_relay_continues_its_chain(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """The chain goes on where the database's head is."""
    for number in range(3):
        with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
            await ledger.record("start", "", {"number": number})

    assert stretches(engine)["relay"].after.sequence == 3
    assert audit(engine)[0].problems == ()


async def test_the_counters_trading_day_is_that_of_what_follows(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """From the entry that says it on; in the next process, and for commands, until that day ends."""
    holiday = {"error_id": 0, "trading_day": "20261127"}
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await ledger.record("before", "", {})
        await ledger.record("counter_login_answer", "s", holiday)
        await ledger.note("refused", "", {})
    clock.move(60)
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await ledger.record("restarted", "", {})
    record_now(engine, "relay", clock, "admin", {})
    clock.move(6 * 86_400)
    record_now(engine, "relay", clock, "later", {})

    assert [(entry.kind, entry.trading_day) for entry in read(engine)] == [
        ("before", "20261123"),
        ("counter_login_answer", "20261127"),
        ("refused", "20261127"),
        ("restarted", "20261127"),
        ("admin", "20261127"),
        ("later", "20261130"),
    ]


async def test_a_chain_goes_on_with_another_hash_function(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """From the setting's change on, and back."""
    for digest in ("sha256", "sm3", "sha256"):
        with Ledger(engine, "relay", spool=spool, clock=clock, digest=digest) as ledger:
            await ledger.record("k", "", {})
    record_now(engine, "relay", clock, "k", {}, "sm3")

    assert [entry.digest for entry in read(engine)] == ["", "sm3", "", "sm3"]
    assert [found.problems for found in audit(engine)] == [()]


async def test_two_writers_of_one_chain_do_not_break_it(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """A mistake in the deployment costs speed, not the chain."""
    with (
        Ledger(engine, "relay", spool=spool, clock=clock) as one,
        Ledger(engine, "relay", spool=spool, clock=clock) as two,
    ):

        async def record(writer: Ledger) -> None:
            for _ in range(40):
                await writer.record("k", "", {})

        await asyncio.gather(record(one), record(two))

    (found,) = audit(engine)
    assert (found.entries, found.problems) == (80, ())


def test_commands_record_without_a_loop(engine: Engine, clock: HandClock) -> None:
    """In a chain of their own beside the relay's."""
    head = record_now(engine, "relay/admin", clock, "admin_terminal_add", {"app_id": "x"})

    assert {name: part.after for name, part in stretches(engine).items()} == {"relay/admin": head}


@contextmanager
def failing(engine: Engine, what: str) -> Iterator[list[str]]:
    """Make every statement that starts with `what` fail."""
    hits: list[str] = []

    def fail(_: Connection, __: object, statement: str, *rest: object) -> None:
        if statement.startswith(what):
            hits.append(statement)
            raise OSError("disk full")

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield hits
    finally:
        event.remove(engine, "before_cursor_execute", fail)


async def test_a_failed_commit_refuses_everybody_in_it_and_the_next_one_works(
    engine: Engine, clock: HandClock, spool: Spool
) -> None:
    """Nothing of the failed group is kept, and the chain goes on without a gap."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await ledger.record("before", "", {})
        with failing(engine, "INSERT INTO ledger ") as hits:
            results = await asyncio.gather(*(ledger.record("lost", "", {}) for _ in range(3)), return_exceptions=True)
        await ledger.record("after", "", {})

    assert hits
    assert [type(result) for result in results] == [LedgerUnavailable] * 3
    assert "disk full" in str(results[0])
    assert [entry.kind for entry in read(engine)] == ["before", "after"]
    assert audit(engine)[0].problems == ()


async def test_a_database_without_tables_refuses(sqlite_engine: Engine, clock: HandClock, spool: Spool) -> None:
    """Whatever the reason: what cannot be recorded is refused."""
    with writing(sqlite_engine) as connection:
        connection.execute(text("DROP TABLE ledger_head"))

    with Ledger(sqlite_engine, "relay", spool=spool, clock=clock) as ledger:
        with pytest.raises(LedgerUnavailable, match="no such table"):
            await ledger.record("k", "", {})
        assert ledger.statistics()["failed"] == 1


@pytest.fixture
def blocked(sqlite_engine: Engine) -> Iterator[threading.Event]:
    """A database whose writers wait until the event is set."""
    go = threading.Event()

    def wait(*_: object) -> None:
        if threading.current_thread() is not threading.main_thread():  # which reads the newest day as it starts
            go.wait(20)

    event.listen(sqlite_engine, "before_cursor_execute", wait)
    yield go
    go.set()
    event.remove(sqlite_engine, "before_cursor_execute", wait)


async def test_a_slow_database_does_not_hold_a_login_for_ever(
    sqlite_engine: Engine, clock: HandClock, spool: Spool, blocked: threading.Event
) -> None:
    """After the commit timeout the entry counts as refused."""
    with Ledger(sqlite_engine, "relay", spool=spool, clock=clock, commit_timeout=0.05) as ledger:
        with pytest.raises(LedgerUnavailable, match=r"0\.05 s"):
            await ledger.record("k", "", {})
        blocked.set()


async def test_the_queue_is_bounded(
    sqlite_engine: Engine, clock: HandClock, spool: Spool, blocked: threading.Event
) -> None:
    """More entries than may wait are refused at once, the others are committed later."""
    with Ledger(sqlite_engine, "relay", spool=spool, clock=clock, capacity=2) as ledger:
        waiting = [asyncio.ensure_future(ledger.record("k", "", {})) for _ in range(8)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        blocked.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)

    refused = [result for result in results if isinstance(result, LedgerUnavailable)]
    assert refused
    assert len(list(read(sqlite_engine))) == 8 - len(refused)


_RECORD_UNTIL_KILLED = """
import asyncio, datetime, pathlib, sys
from pydantic import SecretStr
from relay.database.database import open_database
from relay.ledger.ledger import Ledger
from relay.ledger.spool import Spool

async def main():
    with Ledger(
        open_database(SecretStr(sys.argv[1])),
        "relay",
        spool=Spool(pathlib.Path(sys.argv[2])),
        clock=lambda: datetime.datetime.now(datetime.UTC),
    ) as ledger:
        async def one(number):
            await ledger.record("k", "", {"number": number})
            print(number, flush=True)
        for first in range(0, 1_000_000, 20):
            await asyncio.gather(*(one(number) for number in range(first, first + 20)))

asyncio.run(main())
"""


def test_what_was_recorded_survives_a_kill(engine: Engine, database_url: SecretStr, tmp_path: Path) -> None:
    """kill -9 at any moment: every entry whose record had returned is there, and the chain is whole."""
    url = database_url.get_secret_value()
    with subprocess.Popen(
        [sys.executable, "-c", _RECORD_UNTIL_KILLED, url, str(tmp_path / "spool")], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        heard = [int(writer.stdout.readline()) for _ in range(130)]
        writer.kill()
        heard += [int(line) for line in writer.stdout.read().split("\n")[:-1]]

    stored = {json.loads(entry.data)["number"] for entry in read(engine)}
    assert set(heard) <= stored
    assert audit(engine)[0].problems == ()


@pytest.mark.postgres
async def test_a_database_that_went_away_and_came_back(
    postgres_server: PostgresServer, postgres_url: str, clock: HandClock, spool: Spool
) -> None:
    """Refused while it is gone, recorded again afterwards, without restarting the relay."""
    engine = open_database(SecretStr(postgres_url))
    upgrade(engine)
    with Ledger(engine, "relay", spool=spool, clock=clock, commit_timeout=20) as ledger:
        await ledger.record("before", "", {})
        await asyncio.to_thread(postgres_server.stop)
        try:
            with pytest.raises(LedgerUnavailable):
                await ledger.record("meanwhile", "", {})
        finally:
            await asyncio.to_thread(postgres_server.start)
        await ledger.record("after", "", {})

    assert [entry.kind for entry in read(engine)] == ["before", "after"]
    assert audit(engine)[0].problems == ()
    engine.dispose()


async def test_closing_commits_what_waits(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """An orderly end loses nothing, and takes nothing more."""
    ledger = Ledger(engine, "relay", spool=spool, clock=clock)
    with ledger:
        waiting = [asyncio.ensure_future(ledger.record("k", "", {})) for _ in range(20)]
        await asyncio.sleep(0)

    assert await asyncio.gather(*waiting) == [None] * 20
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.record("late", "", {})


async def test_a_login_that_gave_up_does_not_disturb_the_others(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """A canceled record may be committed all the same; the next ones are."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        gone = asyncio.ensure_future(ledger.record("gone", "", {}))
        await asyncio.sleep(0)
        gone.cancel()
        await ledger.record("next", "", {})

    assert [entry.kind for entry in read(engine)][-1] == "next"


async def test_secrets_are_not_taken(sqlite_engine: Engine, clock: HandClock, spool: Spool) -> None:
    """Nothing is queued for a key that sounds like a secret."""
    with Ledger(sqlite_engine, "relay", spool=spool, clock=clock) as ledger, pytest.raises(SecretInLedger):
        await ledger.record("k", "", {"password": "hunter2"})

    assert list(read(sqlite_engine)) == []


# What has happened already ------------------------------------------------------------------------------------


def kinds(engine: Engine) -> list[str]:
    return [entry.kind for entry in read(engine)]


async def caught_up(ledger: Ledger) -> None:
    """Wait until nothing waits, neither in the queue nor on disk."""
    async with asyncio.timeout(60):
        while ledger.statistics()["waiting"] or ledger.statistics()["spooled"]:  # noqa: ASYNC110 - the writer is a thread
            await asyncio.sleep(0.01)


async def test_what_happened_while_the_database_was_away_stands_in_its_place(
    engine: Engine, clock: HandClock, spool: Spool
) -> None:
    """On disk meanwhile, caught up by itself, before anything that came later; what was announced was refused."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await ledger.record("before", "", {})
        with failing(engine, "INSERT INTO ledger "):
            for number in range(3):
                await ledger.note(f"refused {number}", "s-1", {"why": "锁"})
                clock.move(1)
            with pytest.raises(LedgerUnavailable):
                await ledger.record("announced", "", {})
            assert ledger.statistics()["spooled"] == 3
            assert (spool_file := spool._path).stat().st_mode & 0o777 == 0o600
        await ledger.record("after", "", {})

    assert kinds(engine) == ["before", "refused 0", "refused 1", "refused 2", "after"]
    assert audit(engine)[0].problems == ()
    times = [entry.at for entry in read(engine)]
    assert times == sorted(times)
    assert not spool_file.exists()


async def test_a_commit_without_an_answer_doubles_nothing(
    engine: Engine, clock: HandClock, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came through, and the connection broke before the database could say so; two that say the same are two."""
    monkeypatch.setattr("relay.ledger.ledger.writing", answers_lost_once())
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        await asyncio.gather(*(ledger.note("ended", "s-1", {}) for _ in range(2)))
        await caught_up(ledger)
        await ledger.note("after", "", {})

    assert kinds(engine) == ["ended", "ended", "after"]


async def test_a_database_that_comes_and_goes_is_a_few_lines(
    sqlite_engine: Engine, clock: HandClock, spool: Spool
) -> None:
    """The sixth time says that it flaps, and no more is said until that is over; every entry is there."""
    with structlog.testing.capture_logs() as lines, Ledger(sqlite_engine, "relay", spool=spool, clock=clock) as ledger:
        for _ in range(9):
            with failing(sqlite_engine, "INSERT INTO ledger "):
                await ledger.note("refused", "", {})
            await ledger.record("after", "", {})
            clock.move(1)

    assert [line["event"] for line in lines] == ["ledger_spooling", "ledger_caught_up"] * MOST_EDGES + [
        "ledger_spooling"
    ]
    assert lines[-1]["flaps"]
    assert kinds(sqlite_engine) == ["refused", "after"] * 9


async def test_it_is_caught_up_without_anybody_asking(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """The writer tries again by itself."""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        with failing(engine, "INSERT INTO ledger "):
            await ledger.note("refused", "", {})
        await caught_up(ledger)

        assert kinds(engine) == ["refused"]


async def test_the_next_process_catches_up_and_doubles_nothing(
    engine: Engine, clock: HandClock, tmp_path: Path
) -> None:
    """Also where the one before was killed after the commit and before it emptied its file."""
    path = tmp_path / "spool.jsonl"
    with Ledger(engine, "relay", spool=Spool(path), clock=clock) as ledger, failing(engine, "INSERT INTO ledger "):
        for number in range(3):
            await ledger.note("refused", "", {"number": number})
        ledger.close()
    left = path.read_bytes()
    with Ledger(engine, "relay", spool=Spool(path), clock=clock) as ledger:
        await ledger.record("second start", "", {})
    path.write_bytes(left + b'["half a li')
    with Ledger(engine, "relay", spool=Spool(path), clock=clock) as ledger:
        await ledger.record("third start", "", {})

    assert kinds(engine) == ["refused"] * 3 + ["second start", "ledger_gap", "third start"]
    assert audit(engine)[0].problems == ()


DAMAGED = [
    "[" * 100_000,
    '"abcd"',
    "[1, 2, 3, 4]",
    '["no time", "k", "", "{}"]',
    '["2026-11-22T09:00:00.000000+08:00", "k", "", "no json"]',
    '["2026-11-22T09:00:00.000000+08:00", "\\ud800", "", "{}"]',
    '["2026-11-22T09:00:00.000000+08:00", "\\u0000", "", "{}"]',
    json.dumps(["2026-11-22T09:00:00.000000+08:00", "k" * 65, "", "{}"]),
]


async def test_damaged_lines_cost_themselves_and_hold_nobody_up(
    engine: Engine, clock: HandClock, tmp_path: Path
) -> None:
    """One that the database cannot take would otherwise stop every login, and one that is no JSON every export."""
    path = tmp_path / "spool.jsonl"
    good = json.dumps(["2026-11-22T08:59:00.000000+08:00", "refused", "", '{"number":1}'])
    path.write_text("\n".join([*DAMAGED[:4], good, *DAMAGED[4:], ""]), encoding="utf-8")
    with Ledger(engine, "relay", spool=Spool(path), clock=clock) as ledger:
        await ledger.record("after", "", {})

    first, _, second, _ = entries = list(read(engine))
    assert [entry.kind for entry in entries] == ["ledger_gap", "refused", "ledger_gap", "after"]
    assert [json.loads(gap.data)["entries"] for gap in (first, second)] == [4, 4]
    assert {gap.at for gap in (first, second)} == {"2026-11-22T08:59:00.000000+08:00"}
    assert audit(engine)[0].problems == ()


def test_a_spool_file_beyond_the_bound_takes_no_more(tmp_path: Path) -> None:
    """Of an earlier version with a higher bound, say; what comes is counted as lost."""
    item = ("2026-11-22T09:00:00.000000+08:00", "refused", "", "{}")
    Spool(tmp_path / "spool.jsonl").keep([item] * 5)
    spool = Spool(tmp_path / "spool.jsonl", most=2)

    spool.keep([item] * 7)

    assert (len(spool.first(100)), spool.room, spool.lost) == (6, 0, 7)


async def test_what_can_be_kept_nowhere_is_said_to_be_missing(engine: Engine, clock: HandClock, tmp_path: Path) -> None:
    """A bound, or a disk that is full too: one entry says how many, from when to when and why, where they are missing."""
    spool = Spool(tmp_path / "spool.jsonl", most=2)
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        with failing(engine, "INSERT INTO ledger "):
            for number in range(5):
                await ledger.note("refused", "", {"number": number})
                clock.move(60)
            assert ledger.statistics()["lost"] == 3
        await ledger.note("after", "", {})

    *_, gap, after = read(engine)
    assert kinds(engine) == ["refused", "refused", "ledger_gap", "after"]
    assert json.loads(gap.data) == {
        "entries": 3,
        "since": "2026-11-22T09:02:00.000000+08:00",
        "until": "2026-11-22T09:04:00.000000+08:00",
        "why": "2 entries waited on disk",
    }
    assert audit(engine)[0].problems == ()
    assert after.kind == "after"


async def test_a_full_disk_costs_what_it_costs_and_no_more(engine: Engine, clock: HandClock, tmp_path: Path) -> None:
    """Once there is room again entries are kept again, behind the gap."""
    folder = tmp_path / "no folder"
    spool = Spool(folder / "spool.jsonl")
    folder.touch()
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        with failing(engine, "INSERT INTO ledger "):
            await ledger.note("lost", "", {})
            folder.unlink()
            await ledger.note("kept", "", {})
        await caught_up(ledger)

    assert kinds(engine) == ["ledger_gap", "kept"]
    gap, _ = read(engine)
    assert "cannot be written" in gap.data


async def test_a_queue_without_room_is_a_gap_too(
    sqlite_engine: Engine, clock: HandClock, spool: Spool, blocked: threading.Event
) -> None:
    """A database that hangs: what has happened never fails, waits for a bounded time, and is counted."""
    with Ledger(sqlite_engine, "relay", spool=spool, clock=clock, capacity=2, commit_timeout=0.05) as ledger:
        for _ in range(6):
            await ledger.note("refused", "", {})
        blocked.set()
        await caught_up(ledger)
        await ledger.note("after", "", {})
        async with asyncio.timeout(60):
            while kinds(sqlite_engine)[-1:] != ["after"]:  # noqa: ASYNC110 - the writer is a thread
                await asyncio.sleep(0.01)

    lost = sum(json.loads(entry.data)["entries"] for entry in read(sqlite_engine) if entry.kind == "ledger_gap")
    assert lost + kinds(sqlite_engine).count("refused") == 6
    assert lost > 0


async def test_what_waits_on_disk_is_tried_once_more_at_the_end(
    engine: Engine, clock: HandClock, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that has just come back has the day's last entries before the process is gone."""
    monkeypatch.setattr(module, "_RETRY_SECONDS", 600.0)
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger:
        with failing(engine, "INSERT INTO ledger "):
            await ledger.note("refused", "", {})
        assert ledger.statistics()["spooled"] == 1

    assert kinds(engine) == ["refused"]


async def test_how_long_the_oldest_entry_waits_is_known(engine: Engine, clock: HandClock, spool: Spool) -> None:
    """An alarm is set on it."""
    assert spool.oldest == ""
    with Ledger(engine, "relay", spool=spool, clock=clock) as ledger, failing(engine, "INSERT INTO ledger "):
        begun = stamp(clock())
        await ledger.note("refused", "", {})
        clock.move(60)
        await ledger.note("refused", "", {})

        assert spool.oldest == begun
