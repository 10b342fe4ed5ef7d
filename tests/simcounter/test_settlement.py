"""The day's report to the monitoring center."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from ctpabi.outside_text import is_plain
from simcounter.settlement import as_json_lines, as_table, day_report
from simcounter.tmdb import MonitoringKey, StoredReport, Tmdb
from tests.simcounter.test_tmdb import INNER, REPORT


@pytest.fixture(scope="module")
def key() -> MonitoringKey:
    return MonitoringKey.generate()


@pytest.fixture
def rows(key: MonitoringKey) -> list[StoredReport]:
    tmdb = Tmdb(":memory:", key)
    tmdb.store(REPORT)
    tmdb.store(replace(REPORT, kind="missing", inner_info=b"", terminal_ip="", terminal_port=0))
    tmdb.store(replace(REPORT, kind="direct", inner_info=b""))
    stored = tmdb.reports()
    tmdb.close()
    return stored


def test_the_center_reads_who_logged_in_from_where(rows: list[StoredReport], key: MonitoringKey) -> None:
    """Relay's captured address and the terminal's as the relay reported it."""
    line = day_report(rows, key)[0]

    assert (line.user_id, line.relay_ip, line.terminal_ip, line.terminal_port) == (
        "100001",
        "198.51.100.9",
        "203.0.113.7",
        40001,
    )
    assert (line.inner_length, line.terminal_login_time) == (len(INNER), "09:29:59")


def test_without_the_key_only_the_count_and_the_users_show(rows: list[StoredReport]) -> None:
    """The firm itself cannot read the outer parts."""
    line = day_report(rows, None)[0]

    assert (line.user_id, line.relay_ip, line.terminal_ip, line.relay_login_time) == ("100001", "", "", "")


def test_a_relayed_login_without_collected_bytes_is_incomplete(rows: list[StoredReport], key: MonitoringKey) -> None:
    """A direct one is collected inside the vendor's library."""
    assert [line.is_complete for line in day_report(rows, key)] == [True, False, True]


def test_the_report_is_lines_of_json(rows: list[StoredReport], key: MonitoringKey) -> None:
    """One object a login, for programs."""
    lines = [json.loads(line) for line in as_json_lines(day_report(rows, key)).splitlines()]

    assert [line["kind"] for line in lines] == ["register", "missing", "direct"]


def test_the_report_is_a_table_for_people(rows: list[StoredReport], key: MonitoringKey) -> None:
    """With the missing report named as such."""
    wide = Console(width=200)
    with wide.capture() as shown:
        wide.print(as_table(day_report(rows, key)))

    assert "203.0.113.7:40001" in shown.get()
    assert "中继未上报" in shown.get()


def test_a_clients_text_moves_nothing_on_the_screen(key: MonitoringKey) -> None:
    """What a program calls itself is its own choice; markup is text."""
    tmdb = Tmdb(":memory:", key)
    tmdb.store(replace(REPORT, terminal_app_id="\x1b[2J\u202e[red]x"))
    lines = day_report(tmdb.reports(), key)
    tmdb.close()
    wide = Console(width=240)
    with wide.capture() as said:
        wide.print(as_table(lines))

    assert r"\x1b[2J\u202e[red]x" in said.get()
    assert is_plain(as_json_lines(lines).rstrip("\n"))
    assert json.loads(as_json_lines(lines))["terminal_app_id"] == "\x1b[2J\u202e[red]x"
