"""Log lines as the journal gets them, on a real datagram socket."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from relay.logs import journal, logs


class Journal:
    """The journal's end of its socket, which reads records as systemd does."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(30)
        self.path = path

    def record(self) -> dict[str, str]:
        """The next one."""
        data, fields = self.socket.recv(1 << 20), {}
        while data:
            name, _, data = data.partition(b"\n")
            if b"=" in name:
                name, _, value = name.partition(b"=")
            else:
                length = struct.unpack("<Q", data[:8])[0]
                value, data = data[8 : 8 + length], data[8 + length + 1 :]
            fields[name.decode()] = value.decode()
        return fields


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "socket")
    yield opened
    opened.socket.close()


def line(**members: object) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode() + b"\n"


def test_a_line_becomes_a_record_with_fields(journald: Journal) -> None:
    """Level, event and every fact are found by field; the message is the line for people."""
    journal.to_journal(lambda _: None, journald.path)(
        line(event="terminal_refused", level="warning", timestamp="2026-01-05T09:00:00", reason="中继", code=7, at=[1])
    )

    assert journald.record() == {
        "MESSAGE": "terminal_refused reason=中继 code=7 at=[1]",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "ctp-relay",
        "CTP_RELAY_EVENT": "terminal_refused",
        "CTP_RELAY_REASON": "中继",
        "CTP_RELAY_CODE": "7",
        "CTP_RELAY_AT": "[1]",
    }


def test_no_value_and_no_name_makes_another_field(journald: Journal) -> None:
    """What came from outside cannot say that it is another unit's, or of another level."""
    write = journal.to_journal(lambda _: None, journald.path)
    write(line(event="x", level="info", **{"remark": "a\nPRIORITY=0\n_UID=0", "PRIORITY": "0", "a\n_PID=1": "b"}))

    found = journald.record()
    assert found["CTP_RELAY_REMARK"] == "a\nPRIORITY=0\n_UID=0"
    assert (found["PRIORITY"], found["CTP_RELAY_A__PID_1"]) == ("6", "b")
    assert {name for name in found if name.startswith("_")} == set()


def test_a_record_that_is_too_large_goes_with_its_message(journald: Journal) -> None:
    """Nothing of the log is lost for its length."""
    journal.to_journal(lambda _: None, journald.path)(line(event="large", level="error", text="x" * 4_000_000))

    found = journald.record()
    assert (found["CTP_RELAY_EVENT"], found["PRIORITY"]) == ("large", "3")
    assert found["MESSAGE"].startswith("large text=xxx")


def test_without_a_journal_lines_go_to_the_output(tmp_path: Path) -> None:
    """A journal that is being restarted loses no line."""
    kept: list[bytes] = []
    journal.to_journal(kept.append, tmp_path / "none")(line(event="a") + b"no json\n")

    assert kept == [line(event="a"), b"no json\n"]


def test_the_journal_is_known_by_the_descriptor_it_reads(tmp_path: Path) -> None:
    """A child whose output was redirected inherits the variable, and writes to its file."""
    file = tmp_path / "log"
    with file.open("wb") as out:
        found = os.fstat(out.fileno())
        itself, another = f"{found.st_dev}:{found.st_ino}", f"{found.st_dev}:{found.st_ino + 1}"

        assert journal.is_read_by_journal(out.fileno(), {"JOURNAL_STREAM": itself})
        assert not journal.is_read_by_journal(out.fileno(), {"JOURNAL_STREAM": another})
        assert not journal.is_read_by_journal(out.fileno(), {})
        assert not journal.is_read_by_journal(-1, {"JOURNAL_STREAM": itself})


@pytest.mark.parametrize("form", ["auto", "journald"])
def test_the_relays_log_writes_to_the_journal_that_reads_it(
    journald: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: logs.Form
) -> None:
    """By itself under systemd, and where it is asked to; secrets are hidden as everywhere."""
    monkeypatch.setattr("relay.logs.logs.to_journal", lambda write: journal.to_journal(write, journald.path))
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        found = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        with logs.configure(level="info", form=form, stream=out):
            structlog.get_logger().error("front_lost", password="hunter2", front="tcp://192.0.2.1:1")

    record = journald.record()
    assert (record["CTP_RELAY_EVENT"], record["PRIORITY"]) == ("front_lost", "3")
    assert record["CTP_RELAY_PASSWORD"] == "***"
    assert (tmp_path / "out").read_bytes() == b""
