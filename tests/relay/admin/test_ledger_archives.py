"""Archives: nothing goes before it is sealed and verified, what stays verifies on, and everything can come back."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relay.admin.ledger import verify_files
from relay.admin.ledger_seals import NotSealed
from relay.ledger import verify_proof
from relay.ledger.chain import Entry
from relay.ledger.reader import read
from tests.relay.admin.killed_archives import kills
from tests.relay.admin.test_ledger_seals import SOMEBODY
from tests.relay.admin.vault import Vault
from tests.relay.conftest import HandClock


@pytest.fixture
def vault(engine: Engine, clock: HandClock, tmp_path: Path) -> Vault:
    made = Vault(engine, clock, tmp_path)
    made.january()
    return made


@pytest.fixture
def small_vault(sqlite_engine: Engine, clock: HandClock, tmp_path: Path) -> Vault:
    made = Vault(sqlite_engine, clock, tmp_path)
    made.january()
    return made


def test_a_month_leaves_the_database_and_everything_verifies_on(vault: Vault) -> None:
    """The file, the database after it, and the file with the days that follow; the orders as well."""
    before = vault.rows()
    made = vault.archive()
    key = vault.records.public_key()

    assert before - vault.rows() == made.entries - 2  # two entries more: sealed, archived
    assert vault.verdict() == []
    (february,) = [day.path for day in vault.days if day.name == "2026-02-02"]
    assert verify_files([made.path], public_keys=[key]).problems == []
    assert verify_files([made.path, february], public_keys=[key]).problems == []
    assert len(verify_files([february, made.path], public_keys=[key]).problems) > 0
    vault.write("2026-02-03T09:00")
    assert vault.verdict() == []


def test_archiving_again_changes_nothing(small_vault: Vault) -> None:
    """After a crash between any two steps, the command is run again."""
    first = small_vault.archive()
    rows = small_vault.rows()

    assert small_vault.archive() == first
    assert small_vault.rows() == rows


def test_an_archive_comes_back_whole(vault: Vault) -> None:
    """Every entry as it was; archived again it is the same file."""
    before = [entry for entry in read(vault.engine) if entry.trading_day < "20260201"]
    made = vault.archive()
    assert vault.archives.restore(SOMEBODY, made.path).entries == made.entries

    assert [entry for entry in read(vault.engine) if entry.trading_day < "20260201"] == before
    assert vault.verdict() == []
    assert vault.archive().sha256 == made.sha256
    assert vault.verdict() == []


def test_nothing_is_removed_before_its_days_are_sealed(sqlite_engine: Engine, clock: HandClock, tmp_path: Path) -> None:
    """Nor before the month is over, nor out of turn."""
    vault = Vault(sqlite_engine, clock, tmp_path)
    vault.week()
    with pytest.raises(NotSealed, match="not over"):
        vault.archive()
    vault.now("2026-02-02T08:00")
    with pytest.raises(NotSealed, match="not every trading day is sealed"):
        vault.archive()
    vault.seal("2026-01-06")
    with pytest.raises(NotSealed, match="2026-01-07"):
        vault.archive()
    vault.seal()
    vault.archive()
    with pytest.raises(NotSealed, match="archived already"):
        vault.archive("2025-12")
    with pytest.raises(NotSealed, match="no month"):
        vault.archive("January")


def test_nothing_is_removed_while_the_file_is_not_whole(small_vault: Vault) -> None:
    """A file of that name that is another one: the entries stay."""
    rows = small_vault.rows()
    (small_vault.out / "ledger-2026-01.jsonl.gz").write_bytes(gzip.compress(b"mine"))

    with pytest.raises(NotSealed, match="another file"):
        small_vault.archive()
    assert small_vault.rows() == rows + 1  # that it was sealed


def test_an_archived_day_says_where_it_is(small_vault: Vault) -> None:
    """It cannot be written again from the database; one of its entries is proved from the file."""
    made = small_vault.archive()
    with pytest.raises(NotSealed, match="archived"):
        small_vault.seal("2026-01-05")
    with pytest.raises(NotSealed, match="archived"):
        small_vault.actions.prove(SOMEBODY, "one#1")

    for file in (made.path, small_vault.out / "ledger-2026-01-05.jsonl"):
        proof = small_vault.actions.prove(SOMEBODY, "one#1", file)
        assert verify_proof.verify(proof, small_vault.records.public_key())[0]["sequence"] == 1


# Attacks -----------------------------------------------------------------------------------------------------


def test_entries_that_were_removed_under_a_made_up_archive_are_missed(small_vault: Vault) -> None:
    """A row says that they are archived, and no month's seal says so."""
    small_vault.tamper(
        "INSERT INTO ledger_archive SELECT chain, '2026-01', 0, hash, sequence, hash FROM ledger"
        " WHERE chain = 'two' AND sequence = 4",
        "DELETE FROM ledger WHERE chain = 'two' AND sequence <= 4",
    )

    assert any("no seal of that month says so" in problem for problem in small_vault.verdict())


def test_an_archives_head_that_was_moved_is_found(small_vault: Vault) -> None:
    """Further than the seal says: what is gone without a seal is named."""
    small_vault.archive()
    small_vault.write("2026-02-02T10:00")
    small_vault.tamper(
        "UPDATE ledger_archive SET sequence = sequence + 1, hash ="
        " (SELECT hash FROM ledger WHERE ledger.chain = 'one' AND ledger.sequence = ledger_archive.sequence + 1)"
        " WHERE chain = 'one'",
        "DELETE FROM ledger WHERE chain = 'one' AND sequence <= (SELECT sequence FROM ledger_archive WHERE chain = 'one')",
    )

    assert any("no seal of that month says so" in problem for problem in small_vault.verdict())


def test_a_cut_or_changed_archive_is_found_and_not_restored(small_vault: Vault) -> None:
    """Packed and cut, unpacked and changed: it is not whole, and nothing comes back of it."""
    made = small_vault.archive()
    packed = made.path.read_bytes()
    for broken in (
        packed[: len(packed) // 2],
        gzip.compress(gzip.decompress(packed).replace(b"100001", b"100009", 1)),
        gzip.compress(b"".join(gzip.decompress(packed).splitlines(keepends=True)[:-1])),
    ):
        made.path.write_bytes(broken)
        rows = small_vault.rows()
        with pytest.raises(ValueError, match=r"damaged|changed|no seal"):
            small_vault.archives.restore(SOMEBODY, made.path)
        assert small_vault.rows() == rows
    made.path.write_bytes(packed)
    assert verify_files([made.path]).problems == []


def test_another_ledgers_archive_is_not_restored(small_vault: Vault, tmp_path: Path, clock: HandClock) -> None:
    """Its seal is not this database's."""
    made = small_vault.archive()
    seal = made.path.read_bytes()
    small_vault.archives.restore(SOMEBODY, made.path)
    with pytest.raises(NotSealed, match="are in the database"):
        small_vault.archives.restore(SOMEBODY, made.path)
    small_vault.tamper("DROP TRIGGER ledger_seal_no_delete", "DELETE FROM ledger_seal WHERE kind = 'month'")
    made.path.write_bytes(seal)
    with pytest.raises(NotSealed, match="no archive of this ledger"):
        small_vault.archives.restore(SOMEBODY, made.path)


# A process that is killed ------------------------------------------------------------------------------------

_STEP = {"sqlite": 3, "postgresql": 10}
"""statements between two points; a process takes longer there"""
_FEWEST_POINTS = 2


def test_an_archive_and_its_return_survive_kills_at_many_statements(vault: Vault) -> None:
    """Done again after each: never an entry lost, never one twice, and one file; on both databases."""

    def entries() -> list[Entry]:
        return [entry for entry in read(vault.engine) if entry.trading_day < "20260201"]

    before = entries()
    vault.engine.dispose()
    step = _STEP[vault.engine.dialect.name]
    archived = kills(vault, step)
    made = vault.archive()
    assert (entries(), vault.verdict(), verify_files([made.path]).problems) == ([], [], [])
    vault.engine.dispose()
    restored = kills(vault, step, made.path)

    assert (entries(), vault.verdict()) == (before, [])
    assert vault.archive().sha256 == made.sha256
    assert min(archived, restored) >= _FEWEST_POINTS
    assert not list(vault.out.glob(".*"))
