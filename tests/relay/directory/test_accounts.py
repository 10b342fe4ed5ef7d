"""The console's accounts: names, what ends sign-ins, and that a second factor's code is good once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from relay.database.database import open_database, prepare
from relay.directory.accounts import ConsoleAccounts
from relay.directory.terminals import EntryExists, EntryUnknown


@pytest.fixture
def accounts(state_dir: Path) -> ConsoleAccounts:
    engine = open_database(SecretStr(f"sqlite:///{state_dir / 'relay.sqlite3'}"))
    prepare(engine)
    accounts = ConsoleAccounts(engine, clock=lambda: dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    accounts.add("li.na", "operator", "hash")
    return accounts


def test_an_account_is_found_again(accounts: ConsoleAccounts) -> None:
    found = accounts.find("li.na")

    assert found is not None
    assert (found.role, found.enabled, found.second_factor, found.signed_in_at) == ("operator", True, False, "")
    assert accounts.all() == [found]


@pytest.mark.parametrize("name", ["", "Li", "-x", "a b", "李", "x" * 33, "a\n"])
def test_a_name_is_plain(accounts: ConsoleAccounts, name: str) -> None:
    with pytest.raises(ValueError, match="name has"):
        accounts.add(name, "viewer", "hash")


def test_a_name_is_there_once(accounts: ConsoleAccounts) -> None:
    with pytest.raises(EntryExists):
        accounts.add("li.na", "viewer", "hash")
    with pytest.raises(EntryUnknown):
        accounts.set_enabled("another", True)


def test_what_changes_rights_ends_sign_ins(accounts: ConsoleAccounts) -> None:
    """Password, role, second factor and disabling raise the generation; language and enabling do not."""

    def generation() -> int:
        found = accounts.find("li.na")
        assert found is not None
        return found.generation

    changes: tuple[Callable[[], None], ...] = (
        lambda: accounts.set_password("li.na", "another"),
        lambda: accounts.set_role("li.na", "admin"),
        lambda: accounts.set_second_factor("li.na", b"key"),
        lambda: accounts.set_enabled("li.na", False),
        lambda: accounts.end_sign_ins("li.na"),
    )
    for change in changes:
        before = generation()
        change()
        assert generation() == before + 1
    before = generation()
    accounts.set_enabled("li.na", True)
    accounts.set_choices("li.na", "en", "dark")
    accounts.note_sign_in("li.na")
    assert generation() == before


def test_a_code_and_a_recovery_code_are_good_once(accounts: ConsoleAccounts) -> None:
    accounts.set_second_factor("li.na", b"key", ["one", "two"], step=100)

    assert [accounts.use_factor_step("li.na", step) for step in (100, 101, 101, 99, 102)] == [
        False,
        True,
        False,
        False,
        True,
    ]
    assert [accounts.use_recovery_code("li.na", code) for code in ("one", "one", "three")] == [True, False, False]
    found = accounts.find("li.na")
    assert found is not None
    assert found.recovery_codes_left == 1
