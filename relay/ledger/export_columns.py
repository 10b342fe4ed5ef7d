"""The columns of an export: JSON lines and CSV for machines, the one-line form of a terminal's login for comparing.

JSON and CSV have the fields of `chain.Entry`, in its order. The line has what the setting `ledger.line_format` names,
separated by `@` unless the setting says otherwise; no document of CTP's gives this form. `_login_line` fills it in.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, cast

from relay.ledger.chain import Entry, stored_text
from relay.outside_text import harmless_json, shown, shown_json

LOGIN_KIND = "terminal_admitted"
"""the kind of entry a line is made from: one for each login of a terminal"""

_HIGHEST_SEQUENCE = 2**63 - 1
"""what the database can hold"""

_NAMES = tuple(field.name for field in fields(Entry))

_COMPLETE, _INCOMPLETE = "0", "3"
"""the collector's own digits for all items collected and for some missing"""


class LineFormatWrong(ValueError):
    """`ledger.line_format` cannot be filled in."""


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One JSON object an entry, its data as an object."""
    for entry in entries:
        yield json_line(entry) + "\n"


def json_line(entry: Entry) -> str:
    """An entry as one JSON object, its data as an object; the same entry always gives the same text."""
    return shown_json(fields_of(entry) | {"data": json.loads(entry.data)})


def fields_of(entry: Entry) -> dict[str, object]:
    """An entry as a row; `dataclasses.asdict` copies each value, and takes ten times as long."""
    return {name: getattr(entry, name) for name in _NAMES}


def is_sequence(value: object) -> bool:
    """Whether it is a number that an entry, or the head before the first one, can have."""
    return type(value) is int and 0 <= value <= _HIGHEST_SEQUENCE


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The entry of one parsed line of `json_lines`. Raises ValueError where it is none."""
    texts = {field.name: row.get(field.name, field.default) for field in fields(Entry)}  # an earlier version's has less
    sequence, data = texts.pop("sequence"), texts.pop("data")
    if not is_sequence(sequence) or not isinstance(data, dict):
        raise ValueError("the sequence is not a number, or the data not an object")
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("a field is missing, or not a text")
    return Entry(sequence=cast("int", sequence), data=stored_text(data), **cast("dict[str, str]", texts))


def csv_rows(entries: Iterable[Entry]) -> Iterator[str]:
    """A header and one row an entry, the data as JSON text."""
    yield _csv_row([field.name for field in fields(Entry)])
    for entry in entries:
        values = asdict(entry) | {"data": harmless_json(entry.data)}
        yield _csv_row([str(value) for value in values.values()])


def login_lines(entries: Iterable[Entry], line_format: str) -> Iterator[str]:
    """One line for each terminal login; raises LineFormatWrong."""
    for entry in entries:
        if entry.kind == LOGIN_KIND:
            yield _login_line(entry, line_format) + "\n"


def _login_line(entry: Entry, line_format: str) -> str:
    data: dict[str, object] = json.loads(entry.data)
    values: Mapping[str, str] = {
        "flag": _INCOMPLETE if data.get("collector_code") else _COMPLETE,
        "session": entry.session,
        "app_id": _text(data, "terminal_app_id"),
        "logged_in_at": _local_time(_text(data, "logged_in_at")),
        **{
            name: _text(data, name)
            for name in ("broker_id", "investor_id", "public_ip", "port", "mac_address", "remark", "system_info")
        },
    }
    try:
        return line_format.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = ", ".join(sorted(values))
        raise LineFormatWrong(f"ledger.line_format: {error}; the fields are {known}") from None


def _text(data: Mapping[str, object], name: str) -> str:
    text = str(data.get(name, ""))
    # A separator inside a field would move all fields after it.
    text = text.replace("%", "%25").replace("@", "%40").replace("\r", "%0D").replace("\n", "%0A")
    return shown(text)


def _local_time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def _csv_row(values: list[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(values)
    return row.getvalue()
