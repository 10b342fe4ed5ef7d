"""The database of terminal information: inner bytes unchanged, outer parts readable by the monitoring center only."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from simcounter.events import LoginRecord
from simcounter.tmdb import MonitoringKey, Tmdb

INNER = bytes(range(256)) + b"\x00tail\x00"
REPORT = LoginRecord(
    kind="register",
    trading_day="20261123",
    broker_id="9999",
    user_id="100001",
    front_id=1,
    session_id=1001,
    app_id="demo_relay_1.0",
    local_ip="198.51.100.9",
    local_login_time="2026-11-23 09:30:00",
    inner_info=INNER,
    terminal_app_id="client_demo_1.0",
    terminal_ip="203.0.113.7",
    terminal_port=40001,
    terminal_login_time="09:29:59",
    remark="备注" * 70,
)


@pytest.fixture(scope="module")
def key() -> MonitoringKey:
    return MonitoringKey.generate()


def test_inner_information_is_stored_unchanged_with_its_digest(key: MonitoringKey) -> None:
    """Zeros and all."""
    tmdb = Tmdb(":memory:", key)
    tmdb.store(REPORT)

    (row,) = tmdb.reports()

    assert (row.inner_info, row.inner_sha256) == (INNER, hashlib.sha256(INNER).hexdigest())
    assert (row.user_id, row.terminal_app_id, row.session_id) == ("100001", "client_demo_1.0", 1001)
    tmdb.close()


def test_outer_information_is_on_disk_only_in_cipher(key: MonitoringKey, tmp_path: Path) -> None:
    """No address and no time of either part can be found in the file."""
    path = tmp_path / "tmdb.sqlite3"
    tmdb = Tmdb(str(path), key)
    tmdb.store(REPORT)
    tmdb.close()

    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert INNER in content
    for secret in ("198.51.100.9", "203.0.113.7", "09:29:59", "09:30:00", "备注"):
        assert secret.encode() not in content


def test_the_private_key_reads_both_parts(key: MonitoringKey) -> None:
    """Content longer than RSA alone could carry."""
    tmdb = Tmdb(":memory:", key)
    tmdb.store(REPORT)
    (row,) = tmdb.reports()

    assert key.decrypt(row.local_outer) == {"ip": "198.51.100.9", "login_time": "2026-11-23 09:30:00"}
    assert key.decrypt(row.remote_outer) == {
        "ip": "203.0.113.7",
        "port": 40001,
        "login_time": "09:29:59",
        "app_id": "client_demo_1.0",
        "remark": "备注" * 70,
    }
    tmdb.close()


def test_the_public_key_alone_reads_nothing(key: MonitoringKey) -> None:
    """And a foreign private key is distinguished from no key."""
    envelope = key.encrypt({"ip": "203.0.113.7"})

    assert MonitoringKey(key._public).decrypt(envelope) is None
    with pytest.raises(ValueError, match=r".*"):
        MonitoringKey.generate().decrypt(envelope)


def test_the_same_content_is_never_the_same_cipher(key: MonitoringKey) -> None:
    """It cannot be seen that two logins came from the same place."""
    assert key.encrypt({"ip": "203.0.113.7"}) != key.encrypt({"ip": "203.0.113.7"})


def test_a_saved_key_reads_later(key: MonitoringKey, tmp_path: Path) -> None:
    """The test key pair survives a restart, readable by its owner only."""
    path = tmp_path / "center.pem"
    key.save_private(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert MonitoringKey.load(path).decrypt(key.encrypt({"a": 1})) == {"a": 1}


def test_a_file_without_an_rsa_key_is_refused(tmp_path: Path) -> None:
    """ValueError."""
    path = tmp_path / "center.pem"
    path.write_text("no key")

    with pytest.raises(ValueError, match=r".*"):
        MonitoringKey.load(path)


def test_reports_are_selected_by_day_and_user(key: MonitoringKey) -> None:
    """In the order they came."""
    tmdb = Tmdb(":memory:", key)
    for day, user_id in (("20261123", "100001"), ("20261123", "100002"), ("20261124", "100001")):
        tmdb.store(replace(REPORT, trading_day=day, user_id=user_id))

    assert [row.user_id for row in tmdb.reports(trading_day="20261123")] == ["100001", "100002"]
    assert [row.trading_day for row in tmdb.reports(user_id="100001")] == ["20261123", "20261124"]
    tmdb.close()


def test_the_database_is_an_ordinary_sqlite_file(key: MonitoringKey, tmp_path: Path) -> None:
    """Reports survive the process that wrote them."""
    path = tmp_path / "tmdb.sqlite3"
    first = Tmdb(str(path), key)
    first.store(REPORT)
    first.close()

    connection = sqlite3.connect(path)
    assert connection.execute("select kind, user_id from terminal_report").fetchall() == [("register", "100001")]
    connection.close()
