"""Sealed days: each entry in exactly one file, the same bytes every time, and what an attacker changes is found."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relay.admin.changes import Changes
from relay.admin.ledger import Form, LedgerActions, WholenessReport, verify_files
from relay.admin.ledger_seals import NotSealed, SealActions, SealedFile, SealTools
from relay.admin.person import Person
from relay.database.database import writing
from relay.database.times import COUNTER_ZONE
from relay.ledger import verify_proof
from relay.ledger.chain import canonical
from relay.ledger.day_words import refusal_words
from relay.ledger.kept_seals import SealFolder, seals_in
from relay.ledger.ledger import append, record_now
from relay.ledger.proof import proof_text
from tests.relay.conftest import HandClock
from tests.relay.ledger.test_reader import TRIGGERS

SOMEBODY = Person("ops", "command line")
ADMITTED = {"investor_id": "100001", "terminal_app_id": "demo_1.0", "collector_code": 0x48}


class Office:
    """A ledger with two relays' chains, and those who seal it."""

    def __init__(self, engine: Engine, clock: HandClock, folder: Path, digest: str = "sha256") -> None:
        self.engine, self.clock, self.folder, self.digest = engine, clock, folder, digest
        self.out = folder / "days"
        self.seals = SealFolder(folder / "seals")
        self.changes = Changes(engine, "one", clock, digest)
        self.records = LedgerActions(engine, folder / "signing.key", self.changes, self.seals)
        tools = SealTools(engine, folder / "signing.key", self.seals, "one", clock, digest)
        self.actions = SealActions(tools, self.changes)
        self.now("2026-01-05T08:00")
        self.records.make_signing_key(SOMEBODY)

    def now(self, text: str) -> None:
        self.clock.at = dt.datetime.fromisoformat(text).replace(tzinfo=COUNTER_ZONE)

    def write(self, at: str, chain: str = "one", kind: str = "terminal_admitted", **data: object) -> None:
        self.now(at)
        record_now(self.engine, chain, self.clock, kind, ADMITTED | data, self.digest)

    def week(self) -> None:
        """Monday and Tuesday, the night before Wednesday, and Friday night."""
        for day in ("05", "06"):
            for chain in ("one", "two"):
                self.write(f"2026-01-{day}T08:57", chain)
                self.write(f"2026-01-{day}T09:10", chain, "terminal_refused", reason="terminal_not_accepted")
        self.write("2026-01-06T20:57", "one", investor_id="100002")
        self.write("2026-01-09T21:00", "two", investor_id="100003")
        self.now("2026-01-12T18:30")

    def seal(self, until: str = "") -> list[SealedFile]:
        return list(self.actions.seal_days(SOMEBODY, self.out, until))

    def verdict(self) -> list[str]:
        return self.records.verify().problems

    def tamper(self, *statements: str) -> None:
        with writing(self.engine) as connection:
            for statement in [*TRIGGERS[self.engine.dialect.name], *statements]:
                connection.execute(text(statement.replace("DROP TRIGGER", "DROP TRIGGER IF EXISTS")))


@pytest.fixture
def office(engine: Engine, clock: HandClock, tmp_path: Path) -> Office:
    return Office(engine, clock, tmp_path)


@pytest.fixture
def small_office(sqlite_engine: Engine, clock: HandClock, tmp_path: Path) -> Office:
    return Office(sqlite_engine, clock, tmp_path)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verified(*paths: Path, key: str = "") -> WholenessReport:
    return verify_files(paths, public_keys=[key] if key else ())


def test_each_entry_is_in_one_trading_days_file(office: Office) -> None:
    """The night belongs to the next trading day, Friday's to Monday; the files fit one another."""
    office.week()
    written = office.seal()

    assert [one.name for one in written] == ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-12"]
    kinds = {one.name: [row["kind"] for row in lines(one.path)[1:-1]] for one in written}
    assert [len(found) for found in kinds.values()] == [5, 4, 1, 1]
    found = verified(*(one.path for one in written), key=office.records.public_key())
    assert (found.problems, found.signed_by) == ([], office.records.public_key())
    assert office.verdict() == []


def test_a_sealed_day_is_written_again_with_the_same_bytes(office: Office) -> None:
    """The same command, another folder, another relay without the key: one file."""
    office.week()
    (first, *_) = office.seal("2026-01-05")
    before = first.path.read_bytes(), first.page.read_bytes() if first.page else b""
    office.now("2026-02-01T09:00")

    (again,) = office.seal("2026-01-05")
    assert not again.is_new
    shutil.rmtree(office.out)
    (office.folder / "signing.key").unlink()
    (anew,) = office.seal("2026-01-05")
    assert (anew.path.read_bytes(), anew.page.read_bytes() if anew.page else b"") == before


def test_an_exported_day_is_a_trading_day(office: Office) -> None:
    """The night before belongs to it, Friday's to Monday; the parts of days that follow fit, and nothing is in two."""
    office.week()
    rows = {}
    for day in ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-12"):
        path = office.out.parent / f"{day}.jsonl"
        path.write_text("".join(office.records.export(Form.JSON, day=day)), encoding="utf-8")
        rows[path] = [(row["chain"], row["sequence"]) for row in lines(path)[1:-1]]

    assert [len(found) for found in rows.values()] == [5, 4, 1, 1]
    assert len(set().union(*rows.values())) == 11
    assert verified(*rows).problems == []
    (night,) = office.records.tail(20, day="2026-01-12")
    assert night.at.startswith("2026-01-09T21:00")


def test_relays_of_different_trading_days_are_sealed_without_a_gap(office: Office) -> None:
    """One counter names the next day while the other still has the day before: each entry is in its own day's file, once."""
    for at, chain, day in (
        ("2026-01-05T08:57", "one", "20260105"),
        ("2026-01-05T17:30", "two", "20260106"),
        ("2026-01-05T17:40", "one", "20260105"),
        ("2026-01-06T09:00", "two", "20260106"),
        ("2026-01-06T09:00", "one", "20260106"),
    ):
        with writing(office.engine) as connection:
            append(connection, chain, [(f"{at}:00.000000+08:00", "terminal_admitted", "s", "{}", day)])
    office.now("2026-01-06T18:30")
    first, second = office.seal()
    of = {one.name: [(row["chain"], row["trading_day"]) for row in lines(one.path)[1:-1]] for one in (first, second)}

    assert {day for _, day in of["2026-01-05"]} == {"20260105"}
    assert [row for row in of["2026-01-06"] if row[0] in {"one", "two"}] == [
        ("one", "20260106"),
        ("two", "20260106"),
        ("two", "20260106"),
    ]
    assert (verified(first.path, second.path).problems, office.verdict()) == ([], [])


def test_after_a_new_key_old_days_verify_with_the_old_one(office: Office) -> None:
    """Each file by its own key; both together by both; the database while the old key is trusted; a proof by its day's."""
    office.week()
    (old_day,) = office.seal("2026-01-05")
    old = office.records.public_key()
    (office.folder / "signing.key").unlink()
    assert office.records.make_signing_key(SOMEBODY)
    new = office.records.public_key()
    (new_day,) = office.seal("2026-01-06")

    both = [old_day.path, new_day.path]
    assert verify_files(both, public_keys=[old, new]).problems == []
    assert any("another key" in problem for problem in verify_files(both, public_keys=[new]).problems)
    assert any("not trusted" in problem for problem in office.records.verify().problems)
    assert office.records.verify(trusted_keys=[old]).problems == []
    proof = office.actions.prove(SOMEBODY, "two#1")
    assert verify_proof.verify(proof, old)[0]["sequence"] == 1
    with pytest.raises(ValueError, match="another key"):
        verify_proof.verify(proof, new)


def test_a_day_file_that_a_killed_run_left_half_written_is_written_anew(small_office: Office) -> None:
    """It is said, and no litter stays."""
    small_office.week()
    small_office.out.mkdir()
    (small_office.out / ".ledger-2026-01-05.jsonl.part").write_bytes(b"half")
    (day,) = small_office.seal("2026-01-05")

    assert (day.was_left, list(small_office.out.glob(".*"))) == (True, [])


def test_a_day_that_is_not_over_is_not_sealed(small_office: Office) -> None:
    """It says when it will be; and no day is sealed behind a later one."""
    small_office.week()
    small_office.now("2026-01-05T18:04")
    with pytest.raises(NotSealed, match="not over: it ends at 2026-01-05T18:05"):
        small_office.seal("2026-01-05")
    small_office.now("2026-01-12T18:30")
    small_office.seal("2026-01-06")
    with pytest.raises(NotSealed, match="passed over"):
        small_office.seal("2026-01-02")
    with pytest.raises(NotSealed, match="no day"):
        small_office.seal("yesterday")


def test_a_file_that_was_changed_is_not_written_over(small_office: Office) -> None:
    """The operator is to look at it."""
    small_office.week()
    (first, *_) = small_office.seal()
    first.path.write_text("mine", encoding="utf-8")

    with pytest.raises(NotSealed, match="another file"):
        small_office.seal("2026-01-05")


def test_an_entry_that_came_late_is_in_the_next_file(small_office: Office) -> None:
    """From the spool, say, with an earlier time: in the next day's file, and in no other."""
    small_office.week()
    small_office.seal("2026-01-06")
    late = "2026-01-06T15:00:00.000000+08:00", "late", "", "{}", "20260106"
    with writing(small_office.engine) as connection:
        append(connection, "one", [late])

    days = {one.name: one.path.read_text(encoding="utf-8") for one in small_office.seal()}
    assert ["late" in content for content in days.values()] == [True, False]
    assert small_office.verdict() == []


def test_the_page_says_what_happened(small_office: Office) -> None:
    """Logins, refusals, incomplete collections with their items, and that no counter named the day; no network, no markup."""
    small_office.week()
    small_office.write("2026-01-12T10:00", "one", remark="<b>", terminal_app_id="<script>alert(1)</script>")
    small_office.write("2026-01-12T09:59", "one", "terminal_refused", reason="terminal_not_accepted")
    small_office.write("2026-01-12T10:01", "one", "terminals_refused", reasons=[{"reason": "r", "count": 41}])
    small_office.write("2026-01-12T10:02", "one", "ledger_gap", entries=7, since="a", until="b", why="disk")
    small_office.now("2026-01-12T18:30")
    *_, monday = small_office.seal()
    assert monday.page is not None
    page = monday.page.read_text(encoding="utf-8")

    assert "MAC 地址 MAC address; 硬盘序列号 disk serial number" in page
    assert all(
        text in page for text in ("台账日报", "41", "disk", "按规则推定", refusal_words("terminal_not_accepted"))
    )
    assert "终端" in refusal_words("terminal_not_accepted")
    assert "<script" not in page
    assert not re.search(r"(src|href)=|url\(|@import", page)


def test_the_counters_word_is_on_the_page(small_office: Office) -> None:
    """Then nothing says that the day was guessed."""
    small_office.write("2026-01-05T08:56", "one", "counter_login_answer", error_id=0, trading_day="20260105")
    small_office.now("2026-01-05T18:30")
    (monday,) = small_office.seal()

    assert monday.page is not None
    assert "按规则推定" not in monday.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("digest", ["sha256", "sm3"])
def test_one_login_is_proved_without_the_others(
    sqlite_engine: Engine, clock: HandClock, tmp_path: Path, digest: str
) -> None:
    """The proof has that entry and no other's name; plain Python with `cryptography` alone finds it right."""
    office = Office(sqlite_engine, clock, tmp_path, digest)
    office.week()
    office.seal()
    proof, key = tmp_path / "proof.json", office.records.public_key()
    proof.write_text(proof_text(office.actions.prove(SOMEBODY, "one#3")), encoding="utf-8")

    content = proof.read_text(encoding="utf-8")
    assert "100001" in content
    assert not any(other in content for other in ("100002", "100003"))
    script = shutil.copy(str(verify_proof.__file__), tmp_path / "verify.py")
    alone = [sys.executable, "-I", str(script), str(proof), "--public-key"]
    done = subprocess.run([*alone, key], capture_output=True, text=True, check=False, cwd="/", timeout=60)
    assert (done.returncode, '"investor_id": "100001"' in done.stdout) == (0, True)
    other = subprocess.run([*alone, "0f" * 32], capture_output=True, text=True, check=False, cwd="/", timeout=60)
    assert (other.returncode, "another key" in other.stderr) == (1, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda proof: proof.update(line=proof["line"].replace("100001", "100009")), "not the one that was sealed"),
        (lambda proof: proof.update(index=proof["index"] + 1), "not the one that was sealed|too"),
        (lambda proof: proof["path"].pop(), "too short"),
        (lambda proof: proof["path"].append(proof["path"][0]), "too long"),
        (lambda proof: proof.update(seal=proof["seal"].replace("2026-01-06", "2026-01-07")), "does not fit the seal"),
    ],
    ids=["line", "place", "short path", "long path", "seal"],
)
def test_a_changed_proof_proves_nothing(
    small_office: Office, change: Callable[[dict[str, object]], object], says: str
) -> None:
    """Each part of it is bound to the signature."""
    small_office.week()
    small_office.seal()
    proof = small_office.actions.prove(SOMEBODY, "two#3")
    assert verify_proof.verify(proof, small_office.records.public_key())[0]["sequence"] == 3
    change(proof)

    with pytest.raises(ValueError, match=says):
        verify_proof.verify(proof, small_office.records.public_key())


def test_what_is_in_no_sealed_day_is_not_proved(small_office: Office) -> None:
    """It says what to do."""
    small_office.week()
    small_office.seal("2026-01-05")

    for entry, says in (("one#4", "in no sealed day"), ("one", "names no entry"), ("#", "names no entry")):
        with pytest.raises(NotSealed, match=says):
            small_office.actions.prove(SOMEBODY, entry)


# Attacks -----------------------------------------------------------------------------------------------------


def rechained(office: Office, chain: str) -> None:
    """What a person does who may write everything and knows how: leave out the last entry, head and all."""
    last = f"SELECT max(sequence) FROM ledger WHERE chain = '{chain}'"
    with office.engine.connect() as connection:
        number = connection.execute(text(last)).scalar_one()
    before = f"(SELECT hash FROM ledger WHERE chain = '{chain}' AND sequence = {number - 1})"
    office.tamper(
        f"UPDATE ledger_head SET sequence = {number - 1}, hash = {before} WHERE chain = '{chain}'",
        f"DELETE FROM ledger WHERE chain = '{chain}' AND sequence = {number}",
    )


def test_a_tail_that_was_cut_with_its_head_is_demanded_by_the_seal(office: Office) -> None:
    """Nothing in the chain itself can tell any more; the head of the last sealed day can, without being asked for."""
    office.week()
    office.seal()
    assert office.verdict() == []
    rechained(office, "two")

    assert office.verdict() == ["two entry 5: day 2026-01-12 was sealed with it, and it is not in the ledger"]


def test_seals_that_were_removed_with_the_tail_are_known_on_this_machine(small_office: Office) -> None:
    """The folder has copies: the seal is missing, and so is the entry."""
    small_office.week()
    small_office.seal()
    rechained(small_office, "two")
    small_office.tamper("DROP TRIGGER ledger_seal_no_delete", "DELETE FROM ledger_seal WHERE name = '2026-01-12'")

    assert [problem.split(":")[0] for problem in small_office.verdict()] == ["seal of day 2026-01-12", "two entry 5"]


def test_a_seal_of_another_key_does_not_count(small_office: Office, tmp_path: Path) -> None:
    """Sealed anew by somebody with a key of his own; a key that the settings trust counts."""
    small_office.week()
    small_office.seal("2026-01-05")
    (seal,) = seals_in(small_office.engine).values()
    (small_office.folder / "signing.key").unlink()
    small_office.records.make_signing_key(SOMEBODY)

    assert ["not trusted" in problem for problem in small_office.verdict()] == [True]
    assert small_office.records.verify(trusted_keys=[seal.public_key]).problems == []


def test_a_changed_seal_does_not_count(small_office: Office) -> None:
    """In the database, and in the folder."""
    small_office.week()
    small_office.seal("2026-01-05")
    small_office.tamper(
        "DROP TRIGGER ledger_seal_no_update",
        "UPDATE ledger_seal SET manifest = replace(manifest, '2026-01-12T18', '2026-01-12T19')",
    )
    (copy,) = (small_office.folder / "seals").iterdir()
    copy.write_text(copy.read_text(encoding="ascii").replace("relay", "other"), encoding="ascii")

    assert ["was changed" in problem for problem in small_office.verdict()] == [True, True]


def test_days_that_were_swapped_or_left_out_do_not_fit(small_office: Office) -> None:
    """Each names the heads it stands between."""
    small_office.week()
    first, second, third, _ = (one.path for one in small_office.seal())

    assert verified(first, second, third).problems == []
    assert len(verified(second, first).problems) > 0
    assert len(verified(first, third).problems) > 0


def replaced(path: Path, old: str, new: str) -> Path:
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    return path


def test_an_old_seal_on_a_new_file_is_found(small_office: Office) -> None:
    """A seal of an earlier day, replayed; its root is not that of these lines."""
    small_office.week()
    first, second, *_ = (one.path for one in small_office.seal())
    *body, _ = second.read_text(encoding="utf-8").splitlines(keepends=True)
    seal = first.read_text(encoding="utf-8").splitlines(keepends=True)[-1]
    second.write_text("".join([*body, seal]), encoding="utf-8")

    found = " ".join(verified(second).problems)
    assert all(text in found for text in ("not of this file", "other heads", "another root"))


def test_a_line_that_was_changed_taken_out_or_moved_is_found(small_office: Office) -> None:
    """By the chain and by the tree; a cut file has no seal."""
    small_office.week()
    first, *_ = (one.path for one in small_office.seal())
    whole = first.read_text(encoding="utf-8").splitlines(keepends=True)
    for broken in (
        [*whole[:2], whole[2].replace("100001", "100009"), *whole[3:]],
        [*whole[:2], *whole[3:]],
        [whole[0], whole[2], whole[1], *whole[3:]],
    ):
        first.write_text("".join(broken), encoding="utf-8")
        found = verified(first).problems
        assert any("entry" in problem for problem in found)
        assert any("tree" in problem for problem in found)
    first.write_text("".join(whole[:-1]), encoding="utf-8")
    assert "cut off" in verified(first).problems[-1]
    assert "another key" in " ".join(verified(_written(first, whole), key="0f" * 32).problems)


def _written(path: Path, content: list[str]) -> Path:
    path.write_text("".join(content), encoding="utf-8")
    return path


def test_a_day_whose_entries_were_changed_is_not_sealed(small_office: Office) -> None:
    """Nor is a sealed one written again."""
    small_office.week()
    small_office.seal("2026-01-05")
    small_office.tamper("UPDATE ledger SET data = replace(data, '100001', '100009') WHERE sequence > 1")

    with pytest.raises(Exception, match="was changed"):
        small_office.seal("2026-01-06")
    shutil.rmtree(small_office.out)
    with pytest.raises(Exception, match="was changed"):
        small_office.seal("2026-01-05")
    assert not list(small_office.out.iterdir())


def test_long_work_takes_no_memory(small_office: Office) -> None:
    """Sealing, verifying and proving hold a few entries at a time, however many there are."""
    peaks = []
    for day, more in (("2026-01-05", 1000), ("2026-01-06", 4000)):
        item = (
            f"{day}T09:00:00.000000+08:00",
            "terminal_admitted",
            "",
            canonical({"text": "x" * 2000}),
            day.replace("-", ""),
        )
        with writing(small_office.engine) as connection:
            append(connection, "one", [item] * more)
        small_office.now(f"{day}T18:30")
        tracemalloc.start()
        try:
            (made,) = small_office.seal(day)
            small_office.actions.prove(SOMEBODY, f"one#{more - 1}")
            assert (verified(made.path).problems, small_office.verdict()) == ([], [])
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert peaks[1] < 1.3 * peaks[0] + 1_000_000
