"""The ledger on paper."""

from __future__ import annotations

import csv
import json

import pytest

from relay.ledger.chain import Entry, canonical, empty_head, head_after, link, stored_text
from relay.ledger.export_columns import LineFormatWrong, csv_rows, entry_of, json_lines, login_lines
from relay.outside_text import is_plain

LOGIN = {
    "terminal_app_id": "client_xsb_1.0",
    "public_ip": "192.168.202.1",
    "port": 37768,
    "logged_in_at": "2025-07-10T08:45:00+08:00",
    "system_info": "QUJD",
    "collector_code": 448,
    "investor_id": "100001",
}
FORMAT = "{flag}@{app_id}@{public_ip}@{port}@{logged_in_at}@{system_info}"


def entries_of(*datas: dict[str, object], kind: str = "terminal_admitted") -> list[Entry]:
    head, entries = empty_head("relay"), []
    for data in datas:
        entry = link(head, at="2025-07-10T08:45:00.000000+08:00", kind=kind, session="s-1", data=canonical(data))
        entries.append(entry)
        head = head_after(entry)
    return entries


def as_kept_earlier(data: dict[str, object]) -> Entry:
    """An entry whose text was hashed as it came in."""
    return link(empty_head("relay"), at="2025-07-10T08:45:00.000000+08:00", kind="terminal_admitted", session="s-1",
                data=stored_text(data))  # fmt: skip


def test_a_terminal_login_is_one_line() -> None:
    """The form of the regulator's example: flag, app id, address, port, time, collected info."""
    assert list(login_lines(entries_of(LOGIN), FORMAT)) == [
        "3@client_xsb_1.0@192.168.202.1@37768@2025-07-10 08:45:00@QUJD\n"
    ]


def test_the_flag_tells_whether_items_were_missing() -> None:
    """0 when the collector returned 0."""
    assert list(login_lines(entries_of(LOGIN | {"collector_code": 0}), "{flag}")) == ["0\n"]


def test_a_field_cannot_break_the_line() -> None:
    """Separators and line ends inside a field are escaped."""
    (line,) = login_lines(entries_of(LOGIN | {"terminal_app_id": "a@b\r\nc%"}), FORMAT)
    (earlier,) = login_lines([as_kept_earlier(LOGIN | {"terminal_app_id": "a@b\r\nc%\u2028\x9b"})], FORMAT)

    assert line.startswith("3@a%40b\\r\\nc%25@192.168.202.1@")
    assert earlier.startswith("3@a%40b%0D%0Ac%25\\u2028\\x9b@192.168.202.1@")
    assert line.count("\n") == earlier.count("\n") == 1


def test_an_entry_from_before_is_harmless_in_every_form() -> None:
    """JSON and CSV read back as what was hashed, and have nothing in them that moves a screen."""
    entry = as_kept_earlier({"a": "\u202e\x9b\u2028\x85", "姓名": "张三"})
    (as_json,), (_, as_csv) = json_lines([entry]), csv_rows([entry])

    assert entry_of(json.loads(as_json)) == entry
    assert json.loads(next(csv.reader([as_csv]))[5]) == json.loads(entry.data)
    assert is_plain(as_json.removesuffix("\n"))
    assert is_plain(as_csv.removesuffix("\n"))


def test_other_entries_make_no_line() -> None:
    """Only logins do."""
    assert list(login_lines(entries_of({"x": 1}, kind="terminal_logout"), FORMAT)) == []


@pytest.mark.parametrize("wrong", ["{nonsense}", "{", "{0}", "{flag.x}"])
def test_a_wrong_line_format_names_the_fields_there_are(wrong: str) -> None:
    """The setting's name and the known fields."""
    with pytest.raises(LineFormatWrong, match=r"ledger.line_format.*app_id, broker_id"):
        list(login_lines(entries_of(LOGIN), wrong))


def test_csv_has_a_header_and_keeps_every_character() -> None:
    """Quotes, commas and line ends in the data survive."""
    entries = entries_of({"text": 'a,"b"\n张'})
    rows = list(csv.DictReader("".join(csv_rows(entries)).splitlines(keepends=True)))

    assert rows[0]["data"] == entries[0].data
    assert rows[0]["hash"] == entries[0].hash


@pytest.mark.parametrize(
    "wrong", [{"sequence": -1}, {"sequence": "1"}, {"sequence": True}, {"data": "{}"}, {"data": None}, {"hash": 7}]
)
def test_a_line_that_is_no_entry_is_said_to_be_none(wrong: dict[str, object]) -> None:
    """A file that somebody edited is refused by its line, not taken for another entry."""
    (line,) = json_lines(entries_of(LOGIN))

    with pytest.raises(ValueError, match="not"):
        entry_of(json.loads(line) | wrong)
