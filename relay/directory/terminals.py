"""The terminals the relay admits: app id, auth code, modes, and whether they are enabled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from relay.counter.port import Mode
from relay.database.database import writing
from relay.database.schema import TERMINAL
from relay.database.times import stamp
from relay.directory.announcements import announce, listening
from relay.directory.auth_codes import auth_code_key
from relay.directory.names import APP_ID, APP_ID_ZH, is_app_id
from relay.directory.secrets_box import SecretsBox, SecretUnreadable
from relay.settings.secret_files import SecretFileRefused


class EntryExists(Exception):
    """There is an entry of this name already."""


class EntryUnknown(Exception):
    """There is no entry of this name."""


class ReportKind(StrEnum):
    """What a terminal's system info was made by."""

    ORDINARY = "ordinary"
    """the vendor's collector; the relay can judge it"""
    WECHAT = "wechat"
    """a WeChat mini program's, of another form, which nothing here can judge"""


@dataclass(frozen=True, slots=True)
class Terminal:
    app_id: str
    auth_code: str = field(repr=False)
    modes: frozenset[Mode]
    enabled: bool
    created_at: str
    rotated_at: str
    """when the auth code was last changed"""
    readable: bool = True
    """False where the auth code was encrypted with another key; it is empty then"""
    locked: bytes = field(default=b"", repr=False)
    """the auth code as it stands in the database"""
    kinds: frozenset[ReportKind] = frozenset({ReportKind.ORDINARY})
    """the reports it may send"""
    certificates: frozenset[str] = frozenset()
    """the marks of the certificates it may show; see `admission.client_certificates`"""
    previous_auth_code: str = field(default="", repr=False)
    """the one before, which proves the terminal as well until `previous_until`; empty where there is none"""
    previous_until: str = ""
    """the time of the form `database.times.stamp`; empty where the last rotation ended the old code at once"""
    previous_locked: bytes | None = field(default=None, repr=False)
    by_previous: bool = False
    """of a proof: whether it was made with the code before"""

    def valid_codes(self, now: datetime) -> tuple[str | None, str | None]:
        """The auth code, and the one before where it still holds; None for what there is not."""
        code = self.auth_code if self.readable else None
        before = self.previous_auth_code if self.previous_until > stamp(now) else ""
        return code, before or None


def open_key(engine: Engine, path: Path) -> SecretsBox:
    """The key of the auth codes in this directory; made only where there is none to read yet.

    Raises SecretFileRefused where the file is missing, or reads none of the auth codes: a second or a restored relay
    that made a key of its own would refuse every terminal, and no other process could read what it registered.
    """
    with engine.connect() as connection:
        rows = connection.execute(select(TERMINAL.c.app_id, TERMINAL.c.auth_code)).all()
    if not rows:
        return SecretsBox.open_or_create(path)
    chinese = f"数据库里有 {len(rows)} 个授权码，只有它们的密钥能读：{_BRING_THE_KEY_ZH} {path}；{_IF_LOST_ZH}"
    where = f"the database has auth codes ({len(rows)}) that only their key reads: {_BRING_THE_KEY} {path}; {_IF_LOST}"
    if not path.exists():
        raise SecretFileRefused(f"{path}：没有这个文件；{chinese} / {path}: there is no such file; {where}")
    box = SecretsBox.open(path)
    if not any(_reads(box, row.auth_code) for row in rows):
        raise SecretFileRefused(f"{path}：是另一把密钥；{chinese} / {path}: is another key; {where}")
    return box


_BRING_THE_KEY_ZH = "请从登记它们的中继或备份复制到"
_IF_LOST_ZH = "若确已丢失，用 `ctp-relay terminal rotate --key-lost` 给每个终端换新授权码"
_BRING_THE_KEY = "copy the file of the relay that registered them, or of the backup, to"
_IF_LOST = "where it is lost for good, give each terminal a new code with `ctp-relay terminal rotate --key-lost`"


def _reads(box: SecretsBox, locked: bytes) -> bool:
    try:
        return bool(box.unlock(locked))
    except SecretUnreadable:
        return False


class Terminals:
    """The table of terminals. The methods block and are thread-safe."""

    def __init__(
        self, engine: Engine, box: SecretsBox, *, clock: Callable[[], datetime], within: Connection | None = None
    ) -> None:
        """`within` is a transaction that changes become a part of; without it each one is committed at once."""
        self._engine = engine
        self._box = box
        self._clock = clock
        self._transaction = (lambda: writing(engine)) if within is None else (lambda: nullcontext(within))

    def listened_to(self, on_change: Callable[[], object]) -> AbstractAsyncContextManager[None]:
        """Call it after each change that any process makes here, of investors too, where the database says so."""
        return listening(self._engine, on_change)

    def read(self, known: Mapping[str, Terminal]) -> list[Terminal]:
        """Every terminal; one of `known` whose auth code has not changed is not decrypted again."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(TERMINAL)).all()
        return [self._as_known(row, known.get(row.app_id)) for row in rows]

    def admitted(self, app_ids: Iterable[str], mode: Mode) -> set[str]:
        wanted = select(TERMINAL.c.app_id, TERMINAL.c.modes).where(TERMINAL.c.app_id.in_(app_ids), TERMINAL.c.enabled)
        with self._engine.connect() as connection:
            return {row.app_id for row in connection.execute(wanted) if mode.value in row.modes.split()}

    def all(self) -> list[Terminal]:
        """Every terminal, by app id; also those whose auth code cannot be read."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(TERMINAL).order_by(TERMINAL.c.app_id)).all()
        return [self._listed(row) for row in rows]

    def add(
        self,
        app_id: str,
        auth_code: str,
        modes: Iterable[Mode] = tuple(Mode),
        kinds: Iterable[ReportKind] = (ReportKind.ORDINARY,),
    ) -> Terminal:
        """Register a terminal; raises EntryExists, AuthCodeMalformed, or ValueError for an app id CTP cannot carry."""
        auth_code_key(auth_code)
        if not is_app_id(app_id):
            raise ValueError(f"终端 AppID 应为{APP_ID_ZH} / an app id has {APP_ID}")
        now = stamp(self._clock())
        terminal = Terminal(app_id, auth_code, frozenset(modes), True, now, now, kinds=frozenset(kinds))
        values = {
            "app_id": app_id,
            "auth_code": self._box.lock(auth_code),
            "modes": _words(modes),
            "enabled": True,
            "created_at": now,
            "rotated_at": now,
            "kinds": _words(kinds),
        }
        try:
            with self._transaction() as connection:
                connection.execute(insert(TERMINAL).values(values))
        except IntegrityError:
            raise EntryExists(
                f"终端 AppID {app_id} 已登记；更换授权码用 `terminal rotate`"
                f" / app id {app_id} is registered already; change it with `terminal rotate`"
            ) from None
        return terminal

    def set_enabled(self, app_id: str, enabled: bool) -> None:
        """Admit or shut out a terminal; running relays end its sessions within seconds. Raises EntryUnknown."""
        self._change(app_id, enabled=enabled)

    def set_kinds(self, app_id: str, kinds: Iterable[ReportKind]) -> None:
        """Say which reports a terminal may send, from the next login on; raises EntryUnknown, ValueError."""
        if not (wanted := _words(kinds)):
            raise ValueError("终端至少要有一种上报 / a terminal sends one kind of report at least")
        self._change(app_id, kinds=wanted)

    def set_certificates(self, app_id: str, marks: Iterable[str]) -> None:
        """Say which certificates a terminal may show, from the next login on; raises EntryUnknown."""
        self._change(app_id, certificates=" ".join(sorted(set(marks))))

    def rotate(self, app_id: str, auth_code: str, keep_until: datetime | None = None) -> None:
        """Give a terminal a new auth code; the old one ends at once, or holds as well until `keep_until`.

        A code that was kept from an earlier rotation ends in either case: two are valid at most. Raises EntryUnknown,
        AuthCodeMalformed, ValueError for a time that is over.
        """
        auth_code_key(auth_code)
        now = self._clock()
        if keep_until is not None and keep_until <= now:
            raise ValueError("旧授权码的截止时间已过 / the time until which the old code holds is over")
        self._change(
            app_id,
            auth_code=self._box.lock(auth_code),
            rotated_at=stamp(now),
            previous_auth_code=TERMINAL.c.auth_code if keep_until is not None else None,
            previous_until=stamp(keep_until) if keep_until is not None else "",
        )

    def end_overlap(self, app_id: str) -> None:
        """The code before the last rotation ends now; raises EntryUnknown."""
        self._change(app_id, previous_auth_code=None, previous_until="")

    def _change(self, app_id: str, **values: object) -> None:
        with self._transaction() as connection:
            changed = connection.execute(update(TERMINAL).where(TERMINAL.c.app_id == app_id).values(values))
            announce(connection)
        if changed.rowcount != 1:
            raise EntryUnknown(f"终端 AppID {app_id} 未登记 / app id {app_id} is not registered")

    def _as_known(self, row: Row[Any], known: Terminal | None) -> Terminal:
        if known is None or not known.readable or known.locked != row.auth_code:
            return self._listed(row)
        same = known.previous_locked == row.previous_auth_code
        return _terminal(row, known.auth_code, known.previous_auth_code if same else self._previous(row))

    def _listed(self, row: Row[Any]) -> Terminal:
        try:
            return _terminal(row, self._box.unlock(row.auth_code), self._previous(row))
        except SecretUnreadable:
            return _terminal(row, "", "", readable=False)

    def _previous(self, row: Row[Any]) -> str:
        """The code before; one of a lost key proves nothing."""
        try:
            return self._box.unlock(row.previous_auth_code) if row.previous_auth_code is not None else ""
        except SecretUnreadable:
            return ""


def _terminal(row: Row[Any], auth_code: str, previous: str, *, readable: bool = True) -> Terminal:
    return Terminal(
        app_id=row.app_id,
        auth_code=auth_code,
        modes=frozenset(Mode(mode) for mode in row.modes.split()),
        enabled=row.enabled,
        created_at=row.created_at,
        rotated_at=row.rotated_at,
        readable=readable,
        locked=row.auth_code,
        kinds=frozenset(ReportKind(kind) for kind in row.kinds.split()),
        certificates=frozenset(row.certificates.split()),
        previous_auth_code=previous,
        previous_until=row.previous_until,
        previous_locked=row.previous_auth_code,
    )


def _words(of: Iterable[StrEnum]) -> str:
    return " ".join(sorted(set(of)))
