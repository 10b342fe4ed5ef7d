"""How a command speaks: tables for people, JSON for programs, and one exit code for each kind of failure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from relay.database.database import DatabaseUnusable, brief
from relay.directory.secrets_box import SecretUnreadable
from relay.directory.terminals import EntryExists, EntryUnknown
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.file import SettingsInvalid
from relay.settings.secret_files import SecretFileRefused


class ExitCode(IntEnum):
    OK = 0
    REFUSED = 1
    """the command was understood and refused, or a verification found problems"""
    USAGE = 2
    SETTINGS = 3
    DATABASE = 4


EPILOG = (
    "Exit codes: 0 done, 1 refused or problems found, 2 wrong usage, 3 settings or secret file wrong, "
    "4 database or ledger not available."
)

_FULL_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{6}\+08:00$")

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


class CommandRefused(Exception):
    """A command cannot do what was asked; the message is all the user sees."""


def printable(text: str) -> str:
    """The text without what moves a screen's cursor or changes its colors; terminals choose some of it."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def say(text: str) -> None:
    Console(highlight=False).print(escape(printable(text)), soft_wrap=True)


def warn(text: str) -> None:
    Console(stderr=True, highlight=False).print(escape(printable(text)), style="yellow", soft_wrap=True)


def write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def show(title: str, rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        write_json(rows)
        return
    if not rows:
        say(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(_cell(value))) for value in row.values()))
    Console().print(table)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what can go wrong into one message on standard error and an exit code."""
    try:
        yield
    except (SettingsInvalid, SecretFileRefused, SecretUnreadable) as error:
        raise _leave(str(error), ExitCode.SETTINGS) from None
    except DatabaseUnusable as error:
        raise _leave(str(error), ExitCode.DATABASE) from None
    except LedgerUnavailable as error:
        raise _leave(f"the ledger cannot be written, nothing was changed: {error}", ExitCode.DATABASE) from None
    except SQLAlchemyError as error:
        raise _leave(f"the database failed: {brief(error)}", ExitCode.DATABASE) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise _leave(f"{where}{error.strerror or error}", ExitCode.REFUSED) from None
    except UnicodeEncodeError:
        raise _leave("an argument is not UTF-8 text", ExitCode.REFUSED) from None
    except (CommandRefused, EntryExists, EntryUnknown, ValueError) as error:
        raise _leave(str(error), ExitCode.REFUSED) from None


def _leave(message: str, code: ExitCode) -> typer.Exit:
    Console(stderr=True, highlight=False).print(escape(printable(message)), style="red", soft_wrap=True)
    return typer.Exit(code)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    # Tables are for people: seconds will do. JSON keeps the whole time.
    return _FULL_TIME.sub(r"\1 \2", str(value))
