"""How a command speaks: tables for people, JSON for programs, and one exit code for each kind of failure."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.cli.exit_codes import ExitCode
from relay.cli.reader import Reader, reader_here, spoken
from relay.outside_text import shown, shown_json
from relay.refusals.refusal import LedgerUnavailable
from relay.settings.file import SettingsInvalid
from relay.settings.secret_files import SecretFileRefused

_FULL_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{6}\+08:00$")

_FOLDED = 20
"""a longer word may be broken in a table: paths and names of settings"""

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON instead of text.")]


class CommandRefused(Exception):
    """A command cannot do what was asked; the message is all the user sees."""


def say(text: str) -> None:
    """One line on standard output, whatever is in it."""
    Console(highlight=False).print(Text(shown(text)), soft_wrap=True)


def warn(text: str) -> None:
    """One line on standard error, whatever is in it."""
    complain(text, "yellow")


def write_json(value: object) -> None:
    sys.stdout.write(shown_json(value, indent=2) + "\n")


def show(title: str, rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        write_json(rows)
        return
    reader = reader_here()
    if not rows:
        say(reader(f"{reader.heading(title)}：无", f"{title}: none"))
        return
    headings = [reader.heading(name) for name in rows[0]]
    cells = [[shown(_cell(value, reader)) for value in row.values()] for row in rows]
    longest = [max(map(_longest_word, column)) for column in zip(headings, *cells, strict=True)]
    console = Console()
    if sum(min(longest_one, _FOLDED) + 3 for longest_one in longest) + 1 > console.width:
        console.print(Text(reader.heading(title)))
        _print_one_below_the_other(console, headings, cells)
        return
    table = Table(title=Text(reader.heading(title)), title_justify="left")
    for heading, column, word in zip(headings, zip(*cells, strict=True), longest, strict=True):
        whole = word <= _FOLDED and not any(" " in cell for cell in column)
        table.add_column(heading, overflow="fold", no_wrap=whole)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_one_below_the_other(console: Console, headings: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    """Where a table would break its words: each row is some lines, a member each."""
    for row in cells:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for heading, cell in zip(headings, row, strict=True):
            grid.add_row(Text(f"  {heading}"), Text(cell))
        console.print(grid)
        console.print()


def _longest_word(text: str) -> int:
    """In columns of a terminal; Chinese may be broken anywhere."""
    return max((cell_len(word) for word in text.split() if word.isascii()), default=2)


def values_of(message: Message) -> dict[str, object]:
    """For programs: every member by its name, null for one that is not there.

    Numbers are numbers, which protobuf's own JSON writes as texts from 64 bits on; what is not known is null.
    """
    return {
        field.name: None
        if field.has_presence and not field.is_repeated and not message.HasField(field.name)
        else _value_of(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
    }


def known(number: float) -> float | None:
    """JSON has no NaN, and who reads it strictly reads nothing of what has one."""
    return number if math.isfinite(number) else None


def _value_of(field: Any, value: Any) -> object:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [values_of(one) if isinstance(one, Message) else one for one in value]
    if isinstance(value, float):
        return known(value)
    return values_of(value) if isinstance(value, Message) else value


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what can go wrong into one message on standard error and an exit code. With databases: `reporting_stores`."""
    try:
        yield
    except SettingsInvalid as error:
        more = [f"  {problem}" for problem in error.problems]
        raise leaving(f"{error.source}:", ExitCode.SETTINGS, more) from None
    except SecretFileRefused as error:
        raise leaving(reader_here().half(str(error)), ExitCode.SETTINGS) from None
    except LedgerUnavailable as error:
        raise leaving(
            spoken(f"台账无法写入，未作更改：{error}", f"the ledger cannot be written, nothing was changed: {error}"),
            ExitCode.DATABASE,
        ) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise leaving(f"{where}{error.strerror or error}", ExitCode.REFUSED) from None
    except UnicodeEncodeError:
        raise leaving(spoken("参数不是 UTF-8 文本", "an argument is not UTF-8 text"), ExitCode.REFUSED) from None
    except (CommandRefused, ValueError) as error:
        raise leaving(reader_here().half(str(error)), ExitCode.REFUSED) from None


def leaving(message: str, code: ExitCode, more: Iterable[str] = ()) -> typer.Exit:
    """What ends a command, its message said."""
    for line in (message, *more):
        complain(line)
    return typer.Exit(code)


def complain(text: str, style: str = "red") -> None:
    """One line on standard error."""
    Console(stderr=True, highlight=False).print(Text(shown(text)), style=style, soft_wrap=True)


def _cell(value: object, reader: Reader) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return reader("是", "yes") if value else reader("否", "no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    # Tables are for people: seconds will do. JSON keeps the whole time.
    return _FULL_TIME.sub(r"\1 \2", str(value))
