"""The accounts of the web console: names, hashed passwords, roles, second factors.

A password is an argon2 hash and a recovery code a SHA-256 of 80 random bits. A second factor's key must be read back, so it is
encrypted with the directory's key file. `generation` grows with everything that ends the account's sign-ins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.database.database import writing
from relay.database.schema import CONSOLE_ACCOUNT
from relay.database.times import stamp
from relay.directory.terminals import EntryExists, EntryUnknown

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
ACCOUNT_NAME: Final = "1 to 32 small letters, digits, and . _ - after the first"
_ACCOUNT_NAME_ZH: Final = "1 至 32 个小写字母或数字，第一个之后还可有 . _ -"


@dataclass(frozen=True, slots=True)
class ConsoleAccount:
    name: str
    role: str
    enabled: bool
    generation: int
    """a sign-in holds as long as this is what it was"""
    second_factor: bool
    recovery_codes_left: int
    language: str
    """what the person chose; empty: what the browser asks for"""
    theme: str
    """the same"""
    created_at: str
    password_changed_at: str
    signed_in_at: str
    """empty where the account was never signed in to"""


@dataclass(frozen=True, slots=True)
class AccountSecrets:
    """What a sign-in is checked against."""

    password_hash: str = field(repr=False)
    factor_key: bytes | None = field(repr=False)
    """encrypted; None without a second factor"""
    factor_step: int
    """the last time step whose code was taken; a code is good once"""
    recovery_hashes: tuple[str, ...] = field(repr=False)


class ConsoleAccounts:
    """The table of accounts. The methods block and are thread-safe."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime], within: Connection | None = None) -> None:
        """`within` is a transaction that changes become a part of; without it each one is committed at once."""
        self._engine = engine
        self._clock = clock
        self._transaction = (lambda: writing(engine)) if within is None else (lambda: nullcontext(within))
        self._reading = engine.connect if within is None else (lambda: nullcontext(within))

    def all(self) -> list[ConsoleAccount]:
        with self._reading() as connection:
            rows = connection.execute(select(CONSOLE_ACCOUNT).order_by(CONSOLE_ACCOUNT.c.name)).all()
        return [_account(row) for row in rows]

    def hold_enabled(self, role: str) -> list[str]:
        """Names of the enabled accounts of this role, which no other transaction changes until this one ends."""
        wanted = select(CONSOLE_ACCOUNT.c.name).where(CONSOLE_ACCOUNT.c.enabled, CONSOLE_ACCOUNT.c.role == role)
        with self._reading() as connection:
            return list(connection.execute(wanted.with_for_update()).scalars())

    def find(self, name: str) -> ConsoleAccount | None:
        row = self._row(name)
        return _account(row) if row is not None else None

    def secrets(self, name: str) -> tuple[ConsoleAccount, AccountSecrets] | None:
        row = self._row(name)
        if row is None:
            return None
        hashes = tuple(json.loads(row.recovery_hashes))
        return _account(row), AccountSecrets(row.password_hash, row.factor_key, row.factor_step, hashes)

    def add(self, name: str, role: str, password_hash: str) -> None:
        """Make an account; raises EntryExists, or ValueError for a name that cannot be one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"账号名应为{_ACCOUNT_NAME_ZH} / an account's name has {ACCOUNT_NAME}")
        now = stamp(self._clock())
        values = {
            "name": name,
            "role": role,
            "password_hash": password_hash,
            "enabled": True,
            "generation": 1,
            "factor_key": None,
            "factor_step": 0,
            "recovery_hashes": "[]",
            "language": "",
            "theme": "",
            "created_at": now,
            "password_changed_at": now,
            "signed_in_at": "",
        }
        try:
            with self._transaction() as connection:
                connection.execute(insert(CONSOLE_ACCOUNT).values(values))
        except IntegrityError:
            raise EntryExists(f"已有账号 {name} / there is an account {name} already") from None

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Raises EntryUnknown. A disabled account's sign-ins end."""
        self._change(name, ends_sign_ins=not enabled, enabled=enabled)

    def set_role(self, name: str, role: str) -> None:
        """Raises EntryUnknown. Sign-ins end: rights are those of a new sign-in."""
        self._change(name, ends_sign_ins=True, role=role)

    def set_password(self, name: str, password_hash: str) -> None:
        """Raises EntryUnknown. Sign-ins end."""
        now = stamp(self._clock())
        self._change(name, ends_sign_ins=True, password_hash=password_hash, password_changed_at=now)

    def rehash_password(self, name: str, password_hash: str) -> None:
        """The same password, hashed with today's parameters; raises EntryUnknown."""
        self._change(name, password_hash=password_hash)

    def set_second_factor(
        self, name: str, locked_key: bytes | None, recovery_hashes: Iterable[str] = (), step: int = 0
    ) -> None:
        """Give the account a second factor, or take it away (None); raises EntryUnknown. Sign-ins end."""
        hashes = json.dumps(sorted(recovery_hashes))
        self._change(name, ends_sign_ins=True, factor_key=locked_key, factor_step=step, recovery_hashes=hashes)

    def use_factor_step(self, name: str, step: int) -> bool:
        """Take a code's time step; False where it, or a later one, was taken before."""
        newer = (CONSOLE_ACCOUNT.c.name == name) & (CONSOLE_ACCOUNT.c.factor_step < step)
        with self._transaction() as connection:
            return connection.execute(update(CONSOLE_ACCOUNT).where(newer).values(factor_step=step)).rowcount == 1

    def use_recovery_code(self, name: str, hashed: str) -> bool:
        """Take a recovery code; False where there is no such code, or not any more."""
        with self._transaction() as connection:
            row = connection.execute(select(CONSOLE_ACCOUNT.c.recovery_hashes).where(_is(name))).one_or_none()
            if row is None or hashed not in (hashes := json.loads(row.recovery_hashes)):
                return False
            left = json.dumps([one for one in hashes if one != hashed])
            changed = connection.execute(
                update(CONSOLE_ACCOUNT)
                .where(_is(name), CONSOLE_ACCOUNT.c.recovery_hashes == row.recovery_hashes)
                .values(recovery_hashes=left)
            )
            return changed.rowcount == 1

    def set_choices(self, name: str, language: str, theme: str) -> None:
        """Raises EntryUnknown."""
        self._change(name, language=language, theme=theme)

    def note_sign_in(self, name: str) -> None:
        """Raises EntryUnknown."""
        self._change(name, signed_in_at=stamp(self._clock()))

    def end_sign_ins(self, name: str) -> None:
        """Raises EntryUnknown."""
        self._change(name, ends_sign_ins=True)

    def _change(self, name: str, *, ends_sign_ins: bool = False, **values: object) -> None:
        if ends_sign_ins:
            values["generation"] = CONSOLE_ACCOUNT.c.generation + 1
        with self._transaction() as connection:
            changed = connection.execute(update(CONSOLE_ACCOUNT).where(_is(name)).values(values))
        if changed.rowcount != 1:
            raise EntryUnknown(f"没有账号 {name} / there is no account {name}")

    def _row(self, name: str) -> Row[Any] | None:
        with self._reading() as connection:
            return connection.execute(select(CONSOLE_ACCOUNT).where(_is(name))).one_or_none()


def _is(name: str) -> Any:
    return CONSOLE_ACCOUNT.c.name == name


def _account(row: Row[Any]) -> ConsoleAccount:
    return ConsoleAccount(
        name=row.name,
        role=row.role,
        enabled=row.enabled,
        generation=row.generation,
        second_factor=row.factor_key is not None,
        recovery_codes_left=len(json.loads(row.recovery_hashes)),
        language=row.language,
        theme=row.theme,
        created_at=row.created_at,
        password_changed_at=row.password_changed_at,
        signed_in_at=row.signed_in_at,
    )
