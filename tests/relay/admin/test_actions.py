"""What an operator may do: each change leaves one entry with its person, a refused one an entry that says so."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from relay.admin.changes import Changes
from relay.admin.investor_import import InvestorRow
from relay.admin.investors import InvestorActions
from relay.admin.ledger import LedgerActions
from relay.admin.locks import LockActions
from relay.admin.person import Person
from relay.admin.roles import ReasonMissing, RoleTooLow, needed_for
from relay.admin.terminals import TerminalActions
from relay.admission.login_guard import LoginGuard
from relay.admission.machines import Desk, MachineHistory, MachineTraits, forget_machines_of
from relay.counter.port import Investor
from relay.database.database import open_database
from relay.directory.terminals import EntryExists, EntryUnknown, ReportKind
from relay.ledger import reader
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.limits_section import Limits
from tests.postgres import PostgresServer
from tests.relay.admission.test_login_guard import WRONG_PASSWORD, PlayedPlaces, fail
from tests.relay.conftest import HandClock

MEI = Person("relay", "command line", "mei", reason="as agreed")
CODE = "ABCDEFGHJKLMNPQ1"
ONE = Investor("9999", "100001")
DESK = Desk(ONE, "one", "198.51.100.7")
NOBODY = Investor("9999", "nobody")


@dataclass
class Place:
    """Everything an operator may use, on one database for ledger and directory or on two."""

    ledger: Engine
    directory: Engine
    folder: Path
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        changes = Changes(self.ledger, "relay", self.clock)
        self.guard = LoginGuard(Limits(), PlayedPlaces(), lambda: 0.0, counter_knows_passwords=False)
        self.terminals = TerminalActions(self.directory, self.folder / "secrets.key", changes, self.clock)
        self.investors = InvestorActions(self.directory, changes, self.clock)
        self.records = LedgerActions(self.ledger, self.folder / "signing.key", changes)
        self.locks = LockActions(self.guard, changes)

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """The kind and data of every entry."""
        return [(entry.kind, json.loads(entry.data)) for entry in reader.read(self.ledger)]

    def break_ledger(self) -> None:
        with self.ledger.begin() as connection:
            connection.execute(text("DROP TABLE ledger"))


@pytest.fixture(params=["one", "two", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """One database for both, on SQLite and on PostgreSQL; or two."""
    ledger = opened(request, tmp_path / "ledger.sqlite3", postgresql=request.param == "postgresql")
    directory = opened(request, tmp_path / "directory.sqlite3") if request.param == "two" else ledger
    yield Place(ledger, directory, tmp_path)
    ledger.dispose()
    directory.dispose()


def opened(request: pytest.FixtureRequest, file: Path, *, postgresql: bool = False) -> Engine:
    """A database with the relay's tables; they are copied, as making them takes longer than most tests."""
    if postgresql:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return open_database(SecretStr(server.new_database(like=request.getfixturevalue("postgres_tables"))))
    shutil.copyfile(request.getfixturevalue("sqlite_tables"), file)
    file.chmod(0o600)
    return open_database(SecretStr(f"sqlite:///{file}"))


Change = Callable[[Place], Any]
MADE: dict[str, Change] = {
    "terminal_add": lambda place: place.terminals.add(MEI, "two", CODE),
    "terminal_rotate": lambda place: place.terminals.rotate(MEI, "one", CODE[::-1]),
    "terminal_disable": lambda place: place.terminals.set_enabled(MEI, "one", False),
    "terminal_enable": lambda place: place.terminals.set_enabled(MEI, "one", True),
    "terminal_kinds": lambda place: place.terminals.set_kinds(MEI, "one", [ReportKind.WECHAT]),
    "terminal_certificates": lambda place: place.terminals.set_certificates(MEI, "one", ["name:desk.example.com"]),
    "terminal_end_overlap": lambda place: place.terminals.end_overlap(MEI, "one"),
    "investor_import": lambda place: place.investors.add_all(
        MEI, "9999", [InvestorRow(2, "100003", "pw", ("100003",))]
    ),
    "investor_add": lambda place: place.investors.add(MEI, Investor("9999", "100002"), "pw"),
    "investor_passwd": lambda place: place.investors.set_password(MEI, ONE, "new"),
    "investor_accounts": lambda place: place.investors.set_accounts(MEI, ONE, ["A1", "A2"]),
    "investor_disable": lambda place: place.investors.set_enabled(MEI, ONE, False),
    "investor_enable": lambda place: place.investors.set_enabled(MEI, ONE, True),
    "investor_forget_machines": lambda place: place.investors.forget_machines(MEI, ONE),
    "ledger_signing_key": lambda place: place.records.make_signing_key(MEI),
    "locks_lift": lambda place: place.locks.lift(MEI, "100001"),
    "locks_lift all": lambda place: place.locks.resume_logins(MEI),
}
REFUSED: dict[str, tuple[Change, type[Exception]]] = {
    "terminal_add": (lambda place: place.terminals.add(MEI, "one", CODE), EntryExists),
    "terminal_rotate": (lambda place: place.terminals.rotate(MEI, "nobody", CODE), EntryUnknown),
    "terminal_disable": (lambda place: place.terminals.set_enabled(MEI, "nobody", False), EntryUnknown),
    "terminal_enable": (lambda place: place.terminals.set_enabled(MEI, "nobody", True), EntryUnknown),
    "terminal_kinds": (lambda place: place.terminals.set_kinds(MEI, "one", []), ValueError),
    "terminal_certificates": (lambda place: place.terminals.set_certificates(MEI, "one", ["rubbish"]), ValueError),
    "terminal_end_overlap": (lambda place: place.terminals.end_overlap(MEI, "nobody"), EntryUnknown),
    "investor_import": (
        lambda place: place.investors.add_all(
            MEI, "9999", [InvestorRow(2, "100003", "pw", ("100003",)), InvestorRow(3, "100001", "pw", ("100001",))]
        ),
        EntryExists,
    ),
    "investor_import of an empty password": (
        lambda place: place.investors.add_all(MEI, "9999", [InvestorRow(2, "100003", "", ("100003",))]),
        ValueError,
    ),
    "investor_add": (lambda place: place.investors.add(MEI, Investor("9999", "a b"), "pw"), ValueError),
    "investor_passwd": (lambda place: place.investors.set_password(MEI, ONE, ""), ValueError),
    "investor_accounts": (lambda place: place.investors.set_accounts(MEI, NOBODY, ["A"]), EntryUnknown),
    "investor_disable": (lambda place: place.investors.set_enabled(MEI, NOBODY, False), EntryUnknown),
    "investor_enable": (lambda place: place.investors.set_enabled(MEI, NOBODY, True), EntryUnknown),
}


def registered(place: Place) -> Place:
    """A terminal, an investor with a lock, and whatever stands in the ledger so far."""
    place.terminals.add(MEI, "one", CODE)
    place.investors.add(MEI, ONE, "pw")
    fail(place.guard, WRONG_PASSWORD, 3)
    MachineHistory(place.directory, clock=place.clock).remember(DESK, MachineTraits(0, "0", 264, "v"))
    return place


def state(place: Place) -> list[object]:
    """What a change could change."""
    terminals, _ = place.terminals.all()
    key = (place.folder / "signing.key").exists()
    with place.directory.connect() as connection:
        machines = connection.execute(text("SELECT investor_id FROM machine")).scalars().all()
        passwords = connection.execute(text("SELECT password_hash FROM investor ORDER BY investor_id")).scalars().all()
    return [terminals, place.investors.all(), list(passwords), list(machines), place.locks.all(), key]


async def carry_out(change: Change, place: Place) -> None:
    done = change(place)
    if inspect.isawaitable(done):
        await done


@pytest.mark.parametrize("kind", MADE)
async def test_a_change_leaves_one_entry_with_its_person(place: Place, kind: str) -> None:
    """Whether or not ledger and directory are one database."""
    before = len(registered(place).entries())
    await carry_out(MADE[kind], place)

    ((found, data),) = place.entries()[before:]
    assert found == f"admin_{kind.partition(' ')[0]}"
    assert (data["by"], data["through"], data["logged_in_as"]) == ("relay", "command line", "mei")
    assert (data["role"], data["reason"]) == ("admin", "as agreed")


VIEWER, OPERATOR = MEI.acting_for("chen", "viewer"), MEI.acting_for("li", "operator")


one_database = pytest.mark.parametrize("place", ["one"], indirect=True)


@one_database
@pytest.mark.parametrize("person", [VIEWER, OPERATOR, replace(OPERATOR, reason="")], ids=["viewer", "operator", "mute"])
async def test_a_role_too_low_or_no_reason_changes_nothing_and_is_an_entry(
    place: Place, monkeypatch: pytest.MonkeyPatch, person: Person
) -> None:
    """The role is looked up for each action, here and not in the door; an account of the console always says why."""
    before, wanted = len(registered(place).entries()), []
    monkeypatch.setitem(globals(), "MEI", person)
    for kind, change in MADE.items():
        action, as_it_was = kind.partition(" ")[0], state(place)
        allowed = person.role.may(needed_for(action))
        if allowed and person.reason:
            await carry_out(change, place)
            wanted.append((f"admin_{action}", ""))
            continue
        error = ReasonMissing if allowed else RoleTooLow
        with pytest.raises(error):
            await carry_out(change, place)
        wanted.append((f"admin_{action}_failed", error.__name__))
        assert state(place) == as_it_was

    found = place.entries()[before:]
    assert [(kind, data.get("why", "")) for kind, data in found] == wanted
    assert {(data["account"], data["role"], data["through"]) for _, data in found} == {
        (person.account, person.role.value, "console")
    }


@one_database
async def test_a_lift_needs_a_reason_and_a_change_on_the_command_line_does_not(place: Place) -> None:
    """Scripts that register terminals go on; an action on a running relay says why."""
    registered(place)
    mute = replace(MEI, reason="")
    with pytest.raises(ReasonMissing):
        await place.locks.lift(mute, "100001")
    place.terminals.set_enabled(mute, "one", False)

    assert place.entries()[-1][1]["reason"] == ""


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_change_leaves_one_entry_that_says_so(place: Place, kind: str) -> None:
    """With the person and the name of the error; and nothing is changed."""
    registered(place)
    change, error = REFUSED[kind]
    before, as_it_was = len(place.entries()), state(place)
    with pytest.raises(error):
        change(place)

    ((found, data),) = place.entries()[before:]
    assert (found, data["why"], data["by"]) == (f"admin_{kind.partition(' ')[0]}_failed", error.__name__, "relay")
    assert state(place) == as_it_was


@pytest.mark.parametrize("kind", MADE)
async def test_what_cannot_be_recorded_is_not_changed(place: Place, kind: str) -> None:
    """The ledger comes first, also where it is another database than the directory."""
    as_it_was = state(registered(place))
    place.break_ledger()
    with pytest.raises(LedgerUnavailable):
        await carry_out(MADE[kind], place)

    assert state(place) == as_it_was


def test_machines_that_could_not_be_forgotten_leave_no_entry_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entry and change are one transaction; what the database refuses is an entry that says so."""
    before, as_it_was = len(registered(place).entries()), state(place)

    def broken(connection: object, _investor: object) -> int:
        forget_machines_of(connection, ONE)  # type: ignore[arg-type]
        raise OSError("the disk is full")

    monkeypatch.setattr("relay.admin.investors.forget_machines_of", broken)
    with pytest.raises(OSError, match="full"):
        place.investors.forget_machines(MEI, ONE)

    assert [(kind, data["why"]) for kind, data in place.entries()[before:]] == [
        ("admin_investor_forget_machines_failed", "OSError")
    ]
    assert state(place) == as_it_was


def test_every_method_that_takes_a_person_is_among_those_tested() -> None:
    """A new action cannot be forgotten here: a change is what takes a `Person`, and its entries are counted above."""
    actions = (TerminalActions, InvestorActions, LedgerActions, LockActions)
    changing = {
        method.__qualname__
        for kind in actions
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and "by" in inspect.signature(method).parameters
    }
    called = {name for change in MADE.values() for name in change.__code__.co_names}

    assert {name.rpartition(".")[2] for name in changing} <= called
    assert len(changing) == 15


def test_a_key_is_not_tried_where_it_is_missing(place: Place) -> None:
    """Nothing is recorded either: the command could not begin."""
    registered(place)
    (place.folder / "secrets.key").unlink()
    before = len(place.entries())
    with pytest.raises(Exception, match="there is no such file"):
        place.terminals.add(MEI, "two", CODE)

    assert len(place.entries()) == before
    terminals, why = place.terminals.all()
    assert [terminal.readable for terminal in terminals] == [False]
    assert "there is no such file" in why
