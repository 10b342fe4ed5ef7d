"""Where entries could be in no file, or be shown and not verified: each way is closed, or found and named."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relay.admin.ledger import verify_files
from relay.admin.ledger_archives import ArchiveActions
from relay.admin.ledger_seals import NotSealed
from relay.database.database import writing
from relay.ledger import verify_proof
from relay.ledger.chain import Entry, Head, link
from relay.ledger.digests import DigestUnavailable
from relay.ledger.file_lines import NoLedgerFile, NothingToVerify
from relay.ledger.history import HistoryAsked, entry, page
from relay.ledger.kept_seals import seals_in
from relay.ledger.news import entries_after
from relay.ledger.proof import proof_text
from relay.ledger.reader import Stretch, tail
from relay.ledger.seal import SealKind
from relay.ledger.seal_file import SealMisfit
from tests.relay.admin.test_ledger_seals import SOMEBODY, Office, lines
from tests.relay.admin.vault import Vault
from tests.relay.conftest import HandClock


@pytest.fixture
def office(sqlite_engine: Engine, clock: HandClock, tmp_path: Path) -> Office:
    made = Office(sqlite_engine, clock, tmp_path)
    made.week()
    return made


@pytest.fixture
def vault(engine: Engine, clock: HandClock, tmp_path: Path) -> Vault:
    made = Vault(engine, clock, tmp_path)
    made.january()
    return made


# Every entry in one file -------------------------------------------------------------------------------------


def test_the_first_day_that_is_asked_for_leaves_no_earlier_one_behind(office: Office) -> None:
    """A relay that ran for days before the first seal: all of them are sealed, from the chains' beginning."""
    written = office.seal("2026-01-07")

    assert [one.name for one in written] == ["2026-01-05", "2026-01-06", "2026-01-07"]
    first = [row for row in lines(written[0].path)[1:-1] if row["chain"] == "one"]
    assert first[0]["sequence"] == 1


def test_a_chain_whose_head_was_removed_is_not_left_out(office: Office) -> None:
    """The next day is not sealed without it."""
    office.seal("2026-01-06")
    office.tamper("DELETE FROM ledger_head WHERE chain = 'two'")

    with pytest.raises(SealMisfit, match="two: the recorded head of the chain is missing"):
        office.seal()


def test_an_entry_between_two_seals_is_missed(office: Office) -> None:
    """Sealed by the key's own holder, who leaves some out: each head is there, and the seals do not fit each other."""
    office.seal("2026-01-05")
    (before,) = seals_in(office.engine).values()
    ends = {chain: part.after for chain, part in before.content.parts.items()}
    number = ends["one"].sequence + 1
    with office.engine.connect() as connection:
        found = text("SELECT hash FROM ledger WHERE chain = 'one' AND sequence = :number")
        later = Head("one", number, connection.execute(found, {"number": number}).scalar_one())
    parts = {chain: Stretch(head, head) for chain, head in (ends | {"one": later}).items()}
    office.actions.make_seal(SOMEBODY, SealKind.DAY, "2026-01-06", parts, before, None)

    begins = f"begins one after entry {number}, and the seal before it ends with {number - 1}"
    assert office.verdict() == [f"seal of day 2026-01-06: {begins}"]


def test_a_seal_that_leaves_out_a_chain_is_found(office: Office) -> None:
    """As if that relay had never been."""
    office.seal("2026-01-05")
    (before,) = seals_in(office.engine).values()
    head = before.content.parts["one"].after
    office.actions.make_seal(SOMEBODY, SealKind.DAY, "2026-01-06", {"one": Stretch(head, head)}, before, None)

    assert any("leaves out two" in found for found in office.verdict())


def test_a_seal_that_follows_another_than_the_one_before_it_is_found(office: Office) -> None:
    """As if the day between had been sealed afterwards."""
    office.seal("2026-01-06")
    first, second = (seals_in(office.engine)[SealKind.DAY, name] for name in ("2026-01-05", "2026-01-06"))
    parts = {chain: Stretch(part.after, part.after) for chain, part in second.content.parts.items()}
    office.actions.make_seal(SOMEBODY, SealKind.DAY, "2026-01-07", parts, first, None)

    assert office.verdict() == ["seal of day 2026-01-07: does not follow the seal before it"]


def test_first_seals_that_were_removed_are_missed(office: Office) -> None:
    """Also on a machine that has no copies: the oldest seal that is left names one before it."""
    office.seal()
    for copy in (office.folder / "seals").glob("day-2026-01-0[56]*"):
        copy.unlink()
    office.tamper("DROP TRIGGER ledger_seal_no_delete", "DELETE FROM ledger_seal WHERE name < '2026-01-07'")

    assert office.verdict() == ["seal of day 2026-01-07: the seals before it are missing"]


def test_copies_that_are_missing_come_back(office: Office) -> None:
    """Sealed by another relay of the database, or by a process that was killed before it had its copy."""
    office.seal("2026-01-06")
    copies = office.folder / "seals"
    whole = {path.name: path.read_bytes() for path in copies.iterdir()}
    for path in copies.iterdir():
        path.unlink()
    office.seal()

    found = {path.name: path.read_bytes() for path in copies.iterdir()}
    assert found.items() >= whole.items()
    assert {path.stat().st_mode & 0o777 for path in copies.iterdir()} == {0o600}


def test_a_month_that_was_sealed_is_archived_before_the_next(vault: Vault) -> None:
    """The command was killed behind its seal: what is behind a later archive is read by nothing, and is in no file."""
    path = vault.out / "ledger-2026-01.jsonl.gz"
    path.write_bytes(b"in the way")
    with pytest.raises(NotSealed, match="another file"):
        vault.archive()
    path.unlink()
    vault.now("2026-03-02T08:00")
    vault.seal()

    with pytest.raises(NotSealed, match="archive it first"):
        vault.archive("2026-02")
    made = [vault.archive("2026-01").path, vault.archive("2026-02").path]
    assert verify_files(made, public_keys=[vault.records.public_key()]).problems == []
    assert vault.verdict() == []


@pytest.mark.parametrize("step", ["_require_whole", "_is_removed", "_remove"])
def test_an_archive_that_was_interrupted_is_finished(vault: Vault, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind each step: the command again, and the same file; nothing is missing between."""

    class Killed(BaseException):
        pass

    def kill(*_: object) -> object:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ArchiveActions, step, kill)
        with pytest.raises(Killed):
            vault.archive()
    assert vault.verdict() == []

    made = vault.archive()
    assert verify_files([made.path], public_keys=[vault.records.public_key()]).problems == []
    assert vault.verdict() == []


# Shown and not verified --------------------------------------------------------------------------------------


def forged(chain: str, sequence: int) -> Entry:
    """One that nobody wrote, of today."""
    return link(
        Head(chain, sequence - 1, "0" * 64),
        at="2026-02-03T07:59:00.000000+08:00",
        kind="forged",
        session="",
        data="{}",
        trading_day="20260203",
    )


def insert(engine: Engine, table: str, made: Entry) -> None:
    columns = "chain", "sequence", "at", "kind", "session", "data", "previous_hash", "hash", "trading_day", "digest"
    values = ", ".join(f":{name}" for name in columns)
    with writing(engine) as connection:
        connection.execute(
            text(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"),
            {name: getattr(made, name) for name in columns},
        )


@pytest.mark.parametrize(
    ("table", "chain", "sequence"),
    [("ledger", "one/orders", 1), ("ledger", "one", 0), ("ledger", "one", -7), ("ledger_order", "one", 3)],
)
def test_a_row_outside_its_chain_is_found(vault: Vault, table: str, chain: str, sequence: int) -> None:
    """It needs no trigger to be removed: an insert is allowed, and no walk along a chain comes by."""
    insert(vault.engine, table, forged(chain, sequence))

    assert vault.verdict() == [f"{chain} entry {sequence}: stands in {table} outside its chain: it was put there"]


def test_what_is_put_behind_an_archive_is_shown_by_nothing(vault: Vault) -> None:
    """Its numbers are free again in the table, and verification begins after them."""
    vault.archive()
    insert(vault.engine, "ledger", forged("one", 2))

    assert vault.verdict() == []
    shown = [*tail(vault.engine, 500), *page(vault.engine, HistoryAsked(since="2026-01-01"), most=500)[0]]
    shown += entries_after(vault.engine, {}, "2026-01-01", ["forged"])
    assert "forged" not in [one.kind for one in shown]
    assert entry(vault.engine, "one", 2) is None


# Files and proofs --------------------------------------------------------------------------------------------


def test_every_byte_of_a_sealed_file_counts(office: Office) -> None:
    """Also in the first line and the last, and where Base64 or JSON would take another text for the same."""
    path = office.seal("2026-01-05")[0].path
    whole = path.read_bytes()
    first_end, last_begin = whole.index(b"\n"), whole.rindex(b"\n", 0, -1)
    spaces = [whole.index(b" "), whole.rindex(b" "), whole.rindex(b"="), whole.rindex(b"=") - 2]
    places = [*spaces, *range(0, first_end, 29), *range(first_end, last_begin, 97), *range(last_begin, len(whole), 29)]
    unnoticed = []
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with contextlib.suppress(NoLedgerFile, NothingToVerify, DigestUnavailable):
            if not verify_files([path]).problems:
                unnoticed.append(place)

    assert unnoticed == []
    path.write_bytes(whole.replace(b'": ', b'":  ', 1))
    assert verify_files([path]).problems == [f"{path}: its first or last line is not as it was written"]
    path.write_bytes(whole)
    assert verify_files([path]).problems == []


def test_the_verifier_speaks_on_any_console(office: Office, tmp_path: Path) -> None:
    """One that knows no Chinese: the help, what is proved and what is not."""
    office.seal()
    proof, key = tmp_path / "proof.json", office.records.public_key()
    proof.write_text(proof_text(office.actions.prove(SOMEBODY, "one#3")), encoding="utf-8")
    alone = [sys.executable, str(verify_proof.__file__)]
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    for arguments, code in ((["--help"], 0), ([str(proof), "--public-key", key], 0), (["x", "--public-key", key], 1)):
        done = subprocess.run(
            [*alone, *arguments], capture_output=True, env=environment, check=False, timeout=60, text=True
        )
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
