"""The accounts of the web console: who may change them, and what a person may change of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Engine

from relay.admin.changes import Changes, Clock
from relay.admin.person import Person
from relay.admin.roles import PersonRole
from relay.directory.accounts import ConsoleAccount, ConsoleAccounts
from relay.directory.console_passwords import hashed_password, make_hasher
from relay.directory.secrets_box import SecretsBox
from relay.directory.terminals import open_key


class LastAdmin(Exception):
    """The change would leave no account that may make accounts."""

    def __init__(self) -> None:
        super().__init__("至少要有一个启用的管理员账号 / one enabled admin account must be left")


class AccountActions:
    """Each method that takes a `Person` changes something; all of these raise as `Changes.check` does, EntryUnknown,
    LedgerUnavailable. Blocks.
    """

    def __init__(
        self, directory: Engine, key_file: Path, changes: Changes, clock: Clock, hasher: PasswordHasher | None = None
    ) -> None:
        """`key_file` encrypts second factors; it is opened only by what needs it."""
        self._directory = directory
        self._key_file = key_file
        self._changes = changes
        self._clock = clock
        self._hasher = hasher or make_hasher()

    def all(self) -> list[ConsoleAccount]:
        """Every account, by name."""
        return ConsoleAccounts(self._directory, clock=self._clock).all()

    def add(self, by: Person, name: str, role: PersonRole, password: str) -> None:
        """Raises EntryExists, ValueError."""
        with self._changes.attempted(by, "account_add", {"name": name, "account_role": role}):
            hashed = hashed_password(password, self._hasher)
        with self._recorded(by, "account_add", name, account_role=role) as accounts:
            accounts.add(name, role.value, hashed)

    def set_enabled(self, by: Person, name: str, enabled: bool) -> None:
        """Let a person sign in, or end it; raises LastAdmin."""
        with self._recorded(by, "account_enable" if enabled else "account_disable", name) as accounts:
            accounts.set_enabled(name, enabled)
            _require_admin(accounts)

    def set_role(self, by: Person, name: str, role: PersonRole) -> None:
        """Raises LastAdmin."""
        with self._recorded(by, "account_role", name, account_role=role) as accounts:
            accounts.set_role(name, role.value)
            _require_admin(accounts)

    def set_password(self, by: Person, name: str, password: str) -> None:
        """Replace another person's password; raises ValueError."""
        self._set_password(by, "account_passwd", name, password)

    def reset_second_factor(self, by: Person, name: str) -> None:
        """Take the second factor away, for a person whose phone is lost."""
        with self._recorded(by, "account_reset_second_factor", name) as accounts:
            accounts.set_second_factor(name, None)

    def sign_out(self, by: Person, name: str) -> None:
        """End every sign-in of the account."""
        with self._recorded(by, "account_sign_out", name) as accounts:
            accounts.end_sign_ins(name)

    def set_own_password(self, by: Person, password: str) -> None:
        """The old one was asked for by the console; raises ValueError."""
        self._set_password(by, "account_own_passwd", by.account, password)

    def set_own_second_factor(self, by: Person, key: str, recovery_hashes: Iterable[str], step: int) -> None:
        """A code made with the key was shown to the console, of time step `step`. Raises SecretFileRefused."""
        locked = self._box().lock(key)
        with self._recorded(by, "account_own_second_factor", by.account, given=True) as accounts:
            accounts.set_second_factor(by.account, locked, recovery_hashes, step)

    def drop_own_second_factor(self, by: Person) -> None:
        with self._recorded(by, "account_own_second_factor", by.account, given=False) as accounts:
            accounts.set_second_factor(by.account, None)

    def sign_out_own(self, by: Person) -> None:
        """End every sign-in of one's own."""
        with self._recorded(by, "account_own_sign_out", by.account) as accounts:
            accounts.end_sign_ins(by.account)

    def factor_key(self, locked: bytes) -> str:
        """A second factor's key as it was given; raises SecretUnreadable, SecretFileRefused."""
        return self._box().unlock(locked)

    def _box(self) -> SecretsBox:
        return open_key(self._directory, self._key_file)

    def _set_password(self, by: Person, kind: str, name: str, password: str) -> None:
        with self._changes.attempted(by, kind, {"name": name}):
            hashed = hashed_password(password, self._hasher)
        with self._recorded(by, kind, name) as accounts:
            accounts.set_password(name, hashed)

    @contextmanager
    def _recorded(self, by: Person, kind: str, name: str, **facts: object) -> Iterator[ConsoleAccounts]:
        with self._changes.recorded(self._directory, by, kind, {"name": name, **facts}) as connection:
            yield ConsoleAccounts(self._directory, clock=self._clock, within=connection)


def _require_admin(accounts: ConsoleAccounts) -> None:
    """Asked in the change's own transaction, after it."""
    if not accounts.hold_enabled(PersonRole.ADMIN.value):
        raise LastAdmin
