"""The terminals of the directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, select, text

from relay.counter.port import Mode
from relay.database.database import writing
from relay.database.schema import TERMINAL
from relay.directory.access import DirectoryAccess, DirectoryUnavailable
from relay.directory.auth_codes import AuthCodeMalformed, new_auth_code
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import EntryExists, EntryUnknown, ReportKind, Terminals, open_key
from relay.settings.secret_files import SecretFileRefused
from tests.relay.conftest import HandClock

CODE = "ABCDEFGHJKLMNPQ1"
APP = "client_demo_1.0"


@pytest.fixture
def terminals(engine: Engine, clock: HandClock) -> Terminals:
    return Terminals(engine, SecretsBox(Fernet.generate_key()), clock=clock)


@pytest.fixture
def access() -> Iterator[DirectoryAccess]:
    with DirectoryAccess(threads=1) as opened:
        yield opened


def test_a_registered_terminal_is_found(terminals: Terminals) -> None:
    """With its auth code, modes and times."""
    terminals.add(APP, CODE, [Mode.MANY_TO_ONE])

    (terminal,) = terminals.read({})
    assert (terminal.auth_code, terminal.modes, terminal.enabled) == (CODE, frozenset({Mode.MANY_TO_ONE}), True)
    assert terminal.created_at == "2026-11-22T09:00:00.000000+08:00"


def test_the_auth_code_is_neither_in_the_database_nor_in_the_repr(terminals: Terminals, engine: Engine) -> None:
    """A copy of the database, or a log line with the object, gives nothing away."""
    terminal = terminals.add(APP, CODE)

    with engine.connect() as connection:
        stored = connection.execute(select(TERMINAL.c.auth_code)).scalar_one()
    assert CODE.encode() not in stored
    assert CODE not in repr(terminal)


def test_an_app_id_is_registered_once(terminals: Terminals) -> None:
    """The second time is refused, and the first auth code stays."""
    terminals.add(APP, CODE)

    with pytest.raises(EntryExists, match=APP):
        terminals.add(APP, new_auth_code())
    (found,) = terminals.read({})
    assert found.auth_code == CODE


@pytest.mark.parametrize("app_id", ["", "x" * 33, "终端", "a b\n", "a@b"])
def test_app_ids_ctp_cannot_carry_are_refused(terminals: Terminals, app_id: str) -> None:
    """32 bytes of ASCII, and no separator of the login line."""
    with pytest.raises(ValueError, match="app id"):
        terminals.add(app_id, CODE)


def test_a_malformed_auth_code_is_refused(terminals: Terminals) -> None:
    """Before anything is stored."""
    with pytest.raises(AuthCodeMalformed):
        terminals.add(APP, "short")
    assert terminals.all() == []


def test_a_terminal_is_disabled_enabled_and_given_a_new_code(terminals: Terminals, clock: HandClock) -> None:
    """Each change is seen by the next look-up."""
    terminals.add(APP, CODE)
    clock.move(60)
    new = new_auth_code()

    terminals.set_enabled(APP, False)
    terminals.rotate(APP, new)

    (terminal,) = terminals.all()
    assert (terminal.enabled, terminal.auth_code) == (False, new)
    assert terminal.rotated_at > terminal.created_at
    terminals.set_enabled(APP, True)
    assert terminals.all()[0].enabled


def test_changes_to_unknown_terminals_are_refused(terminals: Terminals) -> None:
    """Nothing is created on the way."""
    with pytest.raises(EntryUnknown, match=APP):
        terminals.set_enabled(APP, False)
    with pytest.raises(EntryUnknown, match=APP):
        terminals.rotate(APP, CODE)


async def test_a_failing_database_is_told_as_unavailable(
    terminals: Terminals, engine: Engine, access: DirectoryAccess
) -> None:
    """The login is refused; it is not taken for an unknown terminal."""
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE terminal"))

    with pytest.raises(DirectoryUnavailable) as caught:
        await access.run(lambda: terminals.read({}))
    assert "terminal" in caught.value.why


def test_what_another_key_encrypted_is_listed_as_unreadable(
    terminals: Terminals, engine: Engine, clock: HandClock, tmp_path: Path
) -> None:
    """Without a code, so no proof is right; and it is tried again when the key is there."""
    terminals.add(APP, CODE)
    other = Terminals(engine, SecretsBox.open_or_create(tmp_path / "other.key"), clock=clock)

    (found,) = other.read({})
    (again,) = terminals.read({APP: found})

    assert (found.readable, found.auth_code) == (False, "")
    assert (again.readable, again.auth_code) == (True, CODE)


def test_a_code_that_has_not_changed_is_not_decrypted_again(
    terminals: Terminals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is read every few seconds; what else has changed of a terminal is seen all the same."""
    terminals.add(APP, CODE)
    (before,) = terminals.read({})
    terminals.set_enabled(APP, False)
    with monkeypatch.context() as patch:
        patch.setattr(SecretsBox, "unlock", None)
        (disabled,) = terminals.read({APP: before})
    terminals.rotate(APP, new_auth_code())
    (rotated,) = terminals.read({APP: disabled})

    assert (disabled.auth_code, disabled.enabled) == (CODE, False)
    assert rotated.auth_code != CODE


def test_the_first_relay_makes_its_key_and_the_second_does_not(
    engine: Engine, clock: HandClock, tmp_path: Path
) -> None:
    """A new key would read none of the auth codes there are: every login would be refused, and nobody told why."""
    first, second = tmp_path / "first" / "secrets.key", tmp_path / "second" / "secrets.key"
    Terminals(engine, open_key(engine, first), clock=clock).add(APP, CODE)

    with pytest.raises(SecretFileRefused, match=f"{second}: there is no such file.*copy the file") as caught:
        open_key(engine, second)
    assert not second.exists()
    assert CODE not in str(caught.value)

    second.parent.mkdir()
    second.write_bytes(first.read_bytes())
    second.chmod(0o600)
    (found,) = Terminals(engine, open_key(engine, second), clock=clock).read({})
    assert found.auth_code == CODE


def test_another_key_beside_a_restored_database_is_named(engine: Engine, clock: HandClock, tmp_path: Path) -> None:
    """At the start, not at the first login; a key that reads some of the rows is the relay's own."""
    right, wrong = SecretsBox.open_or_create(tmp_path / "right"), SecretsBox.open_or_create(tmp_path / "wrong")
    Terminals(engine, right, clock=clock).add(APP, CODE)

    with pytest.raises(SecretFileRefused, match=f"{tmp_path / 'wrong'}: is another key"):
        open_key(engine, tmp_path / "wrong")

    Terminals(engine, wrong, clock=clock).add("a_stray_one", CODE)
    open_key(engine, tmp_path / "right")


def test_a_row_of_another_key_is_listed_by_name(engine: Engine, clock: HandClock, terminals: Terminals) -> None:
    """One stray row must not hide all the others."""
    Terminals(engine, SecretsBox.without_key(), clock=clock).add("a_stray_one", CODE)
    terminals.add(APP, CODE)

    listed = {terminal.app_id: (terminal.readable, terminal.auth_code) for terminal in terminals.all()}

    assert listed == {"a_stray_one": (False, ""), APP: (True, CODE)}


def test_a_terminal_sends_ordinary_reports_unless_the_firm_says_otherwise(terminals: Terminals) -> None:
    """A right of the app id, given at its registration or later, and taken back."""
    terminals.add(APP, CODE)
    terminals.add("mini_1.0", CODE, kinds=[ReportKind.WECHAT])
    before = kinds_of(terminals)
    terminals.set_kinds(APP, [ReportKind.WECHAT, ReportKind.ORDINARY, ReportKind.WECHAT])
    terminals.set_kinds("mini_1.0", [ReportKind.ORDINARY])

    assert before == {APP: {"ordinary"}, "mini_1.0": {"wechat"}}
    assert kinds_of(terminals) == {APP: {"ordinary", "wechat"}, "mini_1.0": {"ordinary"}}
    with pytest.raises(ValueError, match="one kind"):
        terminals.set_kinds(APP, [])
    with pytest.raises(EntryUnknown):
        terminals.set_kinds("unknown_1.0", [ReportKind.WECHAT])


def kinds_of(terminals: Terminals) -> dict[str, set[str]]:
    return {terminal.app_id: {kind.value for kind in terminal.kinds} for terminal in terminals.read({})}
