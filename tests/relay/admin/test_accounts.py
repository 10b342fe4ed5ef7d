"""Accounts of the console: who may change them, that each change is an entry, and that one admin is left."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import Engine

from relay.admin.accounts import AccountActions, LastAdmin
from relay.admin.changes import Changes
from relay.admin.history import HistoryReads
from relay.admin.person import Person
from relay.admin.roles import PersonRole, ReasonMissing, RoleTooLow
from relay.database.database import open_database, prepare
from relay.directory.terminals import EntryUnknown
from relay.ledger import reader
from relay.ledger.history import HistoryAsked

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
PASSWORD = "correct horse battery"
CONSOLE = Person("ctp", "console")
BOSS = CONSOLE.acting_for("boss", "admin").because("a reason")


@pytest.fixture
def engine(state_dir: Path) -> Engine:
    engine = open_database(SecretStr(f"sqlite:///{state_dir / 'relay.sqlite3'}"))
    prepare(engine)
    return engine


@pytest.fixture
def changes(engine: Engine) -> Changes:
    return Changes(engine, "relay", lambda: NOW)


@pytest.fixture
def accounts(engine: Engine, changes: Changes, state_dir: Path) -> AccountActions:
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    accounts = AccountActions(engine, state_dir / "secrets.key", changes, lambda: NOW, quick)
    accounts.add(BOSS, "boss", PersonRole.ADMIN, PASSWORD)
    return accounts


def entries(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kind, json.loads(one.data)) for one in reader.read(engine)]


def test_a_change_is_an_entry_with_account_role_and_reason(accounts: AccountActions, engine: Engine) -> None:
    kind, data = entries(engine)[-1]

    assert kind == "admin_account_add"
    assert (data["name"], data["account_role"]) == ("boss", "admin")
    assert (data["account"], data["role"], data["reason"], data["through"]) == ("boss", "admin", "a reason", "console")
    assert PASSWORD not in json.dumps(data)


def test_the_wrong_role_changes_nothing_and_is_an_entry(accounts: AccountActions, engine: Engine) -> None:
    operator = CONSOLE.acting_for("op", "operator").because("a reason")
    with pytest.raises(RoleTooLow):
        accounts.add(operator, "friend", PersonRole.ADMIN, PASSWORD)

    assert [one.name for one in accounts.all()] == ["boss"]
    assert entries(engine)[-1][0] == "admin_account_add_failed"


def test_an_account_acts_with_a_reason(accounts: AccountActions) -> None:
    with pytest.raises(ReasonMissing):
        accounts.set_role(CONSOLE.acting_for("boss", "admin"), "boss", PersonRole.ADMIN)


def test_a_password_that_is_too_short_is_an_entry_too(accounts: AccountActions, engine: Engine) -> None:
    """Its hash is made before the change; that it was refused stands in the ledger all the same, and never the password."""
    short: dict[str, Callable[[], None]] = {
        "account_add": lambda: accounts.add(BOSS, "friend", PersonRole.VIEWER, "2short"),
        "account_passwd": lambda: accounts.set_password(BOSS, "boss", "2short"),
        "account_own_passwd": lambda: accounts.set_own_password(BOSS, "2short"),
    }
    before = len(entries(engine))
    for change in short.values():
        with pytest.raises(ValueError, match="a password has"):
            change()

    found = entries(engine)[before:]
    assert [(kind, data["why"]) for kind, data in found] == [(f"admin_{kind}_failed", "ValueError") for kind in short]
    assert "2short" not in json.dumps(found)


def test_the_last_admin_stays(accounts: AccountActions) -> None:
    """Disabled or demoted, no account could make another."""
    accounts.add(BOSS, "op", PersonRole.OPERATOR, PASSWORD)
    with pytest.raises(LastAdmin):
        accounts.set_enabled(BOSS, "boss", False)
    with pytest.raises(LastAdmin):
        accounts.set_role(BOSS, "boss", PersonRole.VIEWER)

    boss = accounts.all()[0]
    assert (boss.name, boss.role, boss.enabled) == ("boss", "admin", True)
    accounts.set_role(BOSS, "op", PersonRole.ADMIN)
    accounts.set_enabled(BOSS, "boss", False)


def test_a_person_changes_their_own_whatever_the_role(accounts: AccountActions, engine: Engine) -> None:
    accounts.add(BOSS, "li.na", PersonRole.VIEWER, PASSWORD)
    li_na = CONSOLE.acting_for("li.na", "viewer").because("own account")
    accounts.set_own_password(li_na, "another password")
    accounts.set_own_second_factor(li_na, "JBSWY3DPEHPK3PXP", ["hash"], 7)

    assert accounts.all()[1].second_factor
    assert "JBSWY3DPEHPK3PXP" not in json.dumps(entries(engine))
    with pytest.raises(RoleTooLow):
        accounts.set_password(li_na, "boss", "another password")


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_has_a_length(accounts: AccountActions, password: str) -> None:
    with pytest.raises(ValueError, match="10 to 256"):
        accounts.set_password(BOSS, "boss", password)
    with pytest.raises(EntryUnknown):
        accounts.set_password(BOSS, "ghost", PASSWORD)


def test_reading_an_investors_history_is_an_entry_once_a_minute(engine: Engine, changes: Changes) -> None:
    reads = HistoryReads(engine, changes, lambda: NOW)
    viewer = CONSOLE.acting_for("li.na", "viewer").because("look")
    for investor in ("100001", "100001", "100002"):
        reads.page(viewer, HistoryAsked("2026-01-05", investor_id=investor))

    assert [(kind, data["investor_id"], data["account"]) for kind, data in entries(engine)] == [
        ("admin_history", "100001", "li.na"),
        ("admin_history", "100002", "li.na"),
    ]
