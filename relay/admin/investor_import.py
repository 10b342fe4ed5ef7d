"""A file of investors as a person's spreadsheet writes it: read, and every line that is wrong is named. Pure.

The first line has the columns' names: investor_id, password, and, where wanted, account_ids, several separated by semicolons.
Bytes are UTF-8, with or without a mark, or GB18030, as spreadsheets in China write. Nothing of a password is in what is said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from relay.directory.names import is_account_id

MOST_ROWS: Final = 500
LONGEST_PASSWORD: Final = 40
"""characters: CTP's own field has 41 bytes"""
_NEEDED = {"investor_id", "password"}
_KNOWN = _NEEDED | {"account_ids"}


class Wrong(StrEnum):
    """What is wrong with a line."""

    NOT_TEXT = "not_text"
    COLUMNS = "columns"
    EMPTY = "empty"
    TOO_MANY = "too_many"
    FIELDS = "fields"
    INVESTOR_ID = "investor_id"
    NO_PASSWORD = "no_password"  # noqa: S105 - a word for what is missing
    LONG_PASSWORD = "long_password"  # noqa: S105
    ACCOUNT_ID = "account_id"
    TWICE = "twice"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class InvestorRow:
    line: int
    investor_id: str
    password: str = field(repr=False)
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrongLine:
    line: int
    wrong: Wrong
    what: str = ""
    """the value that is wrong, or what is missing"""


def read_investors(content: bytes, existing: Collection[str]) -> tuple[list[InvestorRow], list[WrongLine]]:
    """The rows of the file, and everything that is wrong; `existing` are ids that are registered already."""
    text = _text(content)
    if text is None:
        return [], [WrongLine(1, Wrong.NOT_TEXT)]
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return [], [WrongLine(1, Wrong.NOT_TEXT, str(error))]
    if not lines:
        return [], [WrongLine(1, Wrong.EMPTY)]
    names = [name.strip().lower() for name in lines[0]]
    if not _NEEDED <= set(names) <= _KNOWN or len(set(names)) != len(names):
        return [], [WrongLine(1, Wrong.COLUMNS)]  # not what is there: without names it is a row with its password
    return _rows(names, lines[1:], existing)


def _rows(
    names: list[str], lines: list[list[str]], existing: Collection[str]
) -> tuple[list[InvestorRow], list[WrongLine]]:
    rows: list[InvestorRow] = []
    wrong: list[WrongLine] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(rows) + len(wrong) >= MOST_ROWS:
            wrong.append(WrongLine(number, Wrong.TOO_MANY, str(MOST_ROWS)))
            break
        found = _row(names, line, number)
        if isinstance(found, InvestorRow) and (why := _known(found.investor_id, seen, existing)):
            found = WrongLine(number, why, found.investor_id)
        if isinstance(found, WrongLine):
            wrong.append(found)
            continue
        seen.add(found.investor_id)
        rows.append(found)
    return rows, wrong or ([] if rows else [WrongLine(2, Wrong.EMPTY)])


def _row(names: list[str], line: list[str], number: int) -> InvestorRow | WrongLine:
    if len(line) != len(names):
        return WrongLine(number, Wrong.FIELDS, f"{len(line)} ≠ {len(names)}")
    cells = dict(zip(names, line, strict=True))
    investor_id, password = cells["investor_id"].strip(), cells["password"]
    if not 1 <= len(investor_id) <= 12 or not investor_id.isascii() or not investor_id.isalnum():
        return WrongLine(number, Wrong.INVESTOR_ID, investor_id[:40])
    if not password or len(password) > LONGEST_PASSWORD:
        return WrongLine(number, Wrong.LONG_PASSWORD if password else Wrong.NO_PASSWORD, investor_id)
    accounts = tuple(part.strip() for part in cells.get("account_ids", "").split(";") if part.strip())
    bad = [account for account in accounts if not is_account_id(account)]
    if bad:
        return WrongLine(number, Wrong.ACCOUNT_ID, bad[0][:40])
    return InvestorRow(number, investor_id, password, accounts or (investor_id,))


def _known(investor_id: str, seen: Collection[str], existing: Collection[str]) -> Wrong | None:
    if investor_id in seen:
        return Wrong.TWICE
    return Wrong.EXISTS if investor_id in existing else None


def _text(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None
