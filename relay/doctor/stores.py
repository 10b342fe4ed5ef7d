"""What the relay keeps: its state directory, its databases, and the key that the auth codes in them were encrypted with."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from relay.database.database import DatabaseUnusable, brief, open_database, revisions
from relay.database.schema import METADATA, TERMINAL
from relay.directory.secrets_box import SecretsBox, SecretUnreadable
from relay.doctor.case import Case
from relay.doctor.finding import Finding
from relay.doctor.processes import described
from relay.doctor.rows import stores as rows
from relay.doctor.rows import tls as tls_rows
from relay.settings.file import directory_url, ledger_url, secrets_key_file
from relay.settings.secret_files import SecretFileRefused
from relay.settings.settings import Settings


def check_state(case: Case) -> Iterator[Finding]:
    """That the state directory can be written, and has no other process."""
    path = case.settings.relay.state_dir.absolute()
    if case.running is not None:
        if case.starting and not case.replaces:
            yield rows.STATE_IN_USE(path=path, pid=described(case.running))
        else:
            yield rows.STATE_RUNNING(pid=described(case.running))
        return
    place = existing(path)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = os.strerror(errno.EACCES if place.is_dir() else errno.ENOTDIR)
        yield rows.STATE_UNWRITABLE(path=path, why=f"{place}: {why}")
    elif os.statvfs(place).f_flag & os.ST_RDONLY:
        yield rows.STATE_UNWRITABLE(path=path, why=os.strerror(errno.EROFS))
    else:
        yield (rows.STATE_RIGHT if place == path else rows.STATE_NEW)(path=path)


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def check_databases(case: Case) -> Iterator[Finding]:
    """That each answers, has this version's tables, and can be written."""
    for name, url in databases(case.settings).items():
        try:
            yield _look(name, url)
        except DatabaseUnusable as error:
            yield rows.DATABASE_DOWN(name=name, why=error)
        except SQLAlchemyError as error:
            yield rows.DATABASE_DOWN(name=name, why=brief(error))


def databases(settings: Settings) -> dict[str, SecretStr]:
    """Ledger and directory, or one for both."""
    ledger, directory = ledger_url(settings), directory_url(settings)
    return {"ledger+directory": ledger} if ledger == directory else {"ledger": ledger, "directory": directory}


def _look(name: str, url: SecretStr) -> Finding:
    with opened(url) as engine:
        if engine is None:
            return rows.DATABASE_NEW(name=name, file=_sqlite_file(url))
        present, wanted = revisions(engine)
        if why := _why_not_writable(engine):
            return rows.DATABASE_READ_ONLY(name=name, why=why)
        if present == wanted:
            return rows.DATABASE_RIGHT(name=name, revision=wanted)
        if engine.dialect.name == "sqlite" and (present is None or present < wanted):
            return rows.DATABASE_UPGRADED_AT_START(name=name, present=present or "-", wanted=wanted)
        return rows.DATABASE_OLD(name=name, present=present or "-", wanted=wanted)


@contextmanager
def opened(url: SecretStr) -> Iterator[Engine | None]:
    """The database; None for a SQLite file that is not there yet, so that none is made here. Raises DatabaseUnusable."""
    file = _sqlite_file(url)
    if file is not None and not file.exists():
        yield None
        return
    engine = open_database(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _sqlite_file(url: SecretStr) -> Path | None:
    kind, _, path = url.get_secret_value().partition(":///")
    return Path(path) if kind.startswith("sqlite") and path else None


def _why_not_writable(engine: Engine) -> str:
    """Asked of rights, without a write: a running relay's transactions wait for nothing."""
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        closed = [place for place in (file, file.parent) if not os.access(place, os.W_OK)]
        return f"{closed[0]}: {os.strerror(errno.EACCES)}" if closed else ""
    with engine.connect() as connection:
        if connection.execute(text("SELECT pg_is_in_recovery()")).scalar_one():
            return "it is a standby"
        if connection.execute(text("SHOW default_transaction_read_only")).scalar_one() == "on":
            return "default_transaction_read_only is on"
        asked = text("SELECT has_table_privilege(:name, 'INSERT')")
        there = set(inspect(connection).get_table_names())
        closed_tables = [
            name
            for name in METADATA.tables
            if name in there and not connection.execute(asked, {"name": name}).scalar_one()
        ]
    return f"no right to write {', '.join(closed_tables)}" if closed_tables else ""


def check_key(case: Case) -> Iterator[Finding]:
    """That the key file reads the auth codes there are."""
    try:
        with opened(directory_url(case.settings)) as engine:
            codes = [] if engine is None else _auth_codes(engine)
    except (DatabaseUnusable, SQLAlchemyError):
        return  # `check_databases` says it
    yield _fits(secrets_key_file(case.settings), codes)


def _auth_codes(engine: Engine) -> list[tuple[str, bytes]]:
    if not inspect(engine).has_table(TERMINAL.name):
        return []
    with engine.connect() as connection:
        found = connection.execute(select(TERMINAL.c.app_id, TERMINAL.c.auth_code)).all()
    return [(row.app_id, row.auth_code) for row in found]


def check_registered_certificates(case: Case) -> Iterator[Finding]:
    """That the certificates that are registered, and those that are asked for, go together."""
    asked = case.settings.listen.client_certificates
    try:
        with opened(directory_url(case.settings)) as engine:
            if engine is None or "certificates" not in _columns(engine):
                return
            with engine.connect() as connection:
                found = connection.execute(select(TERMINAL.c.app_id, TERMINAL.c.certificates)).all()
    except (DatabaseUnusable, SQLAlchemyError):
        return  # `check_databases` says it
    having = [row.app_id for row in found if row.certificates]
    without = [row.app_id for row in found if not row.certificates]
    if asked == "off" and having:
        yield tls_rows.CERTIFICATES_NOT_ASKED(app_ids=", ".join(having))
    if asked == "required" and without:
        yield tls_rows.CERTIFICATES_NOT_REGISTERED(app_ids=", ".join(without))


def _columns(engine: Engine) -> set[str]:
    looked = inspect(engine)
    return (
        {column["name"] for column in looked.get_columns(TERMINAL.name)} if looked.has_table(TERMINAL.name) else set()
    )


def _fits(file: Path, codes: list[tuple[str, bytes]]) -> Finding:
    if not codes:
        return rows.KEY_NEW(file=file)
    if not file.exists():
        return rows.KEY_MISSING(file=file, count=len(codes))
    try:
        box = SecretsBox.open(file)
    except SecretFileRefused as error:
        return rows.KEY_UNUSABLE(why=error)
    unread = [app_id for app_id, locked in codes if not _reads(box, locked)]
    if len(unread) == len(codes):
        return rows.KEY_OF_ANOTHER_DATABASE(file=file, count=len(codes))
    if unread:
        return rows.KEY_READS_SOME(file=file, app_ids=", ".join(unread))
    return rows.KEY_FITS(count=len(codes))


def _reads(box: SecretsBox, locked: bytes) -> bool:
    try:
        box.unlock(locked)
    except SecretUnreadable:
        return False
    return True
