"""The order map on disk: what a killed relay still knows when it comes back."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from relay.counter.order_map import OrderMapFile
from relay.domain.ref_map import MapEntry
from relay.domain.refs import RefSpace

DAY = "20261123"


def entry(counter_ref: int, investor: str = "100001", key: str = "") -> MapEntry:
    return MapEntry(
        RefSpace.ORDER, 1, 1001, counter_ref, 70000, 1_000_000_000, 7, str(counter_ref), 0, investor, key, b"\x00\xff"
    )


def opened(directory: Path, day: str = DAY) -> OrderMapFile:
    order_map = OrderMapFile(directory)
    order_map.begin(day)
    return order_map


def test_what_was_stored_is_known_to_the_next_process(tmp_path: Path) -> None:
    """Nothing is flushed or closed in between: a killed process does neither."""
    killed = opened(tmp_path)
    killed.append([entry(1), entry(2, "100002", "my-key")])

    entries = list(opened(tmp_path).load())

    assert entries == [entry(1), entry(2, "100002", "my-key")]
    killed.close()


def test_counter_sessions_may_have_used_the_same_references(tmp_path: Path) -> None:
    """In many-to-many each terminal's counter session counts from one; none of their orders is forgotten."""
    killed = opened(tmp_path)
    desk, phone = entry(1), dataclasses.replace(entry(1), counter_session=1002, lane_session=8)
    killed.append([desk])
    killed.append([phone])
    killed.retract([desk])

    assert list(killed.load()) == [phone]
    assert list(opened(tmp_path).load()) == [phone]
    killed.close()


def test_an_investor_gets_only_its_own_entries(tmp_path: Path) -> None:
    """In many-to-many a session restores what belongs to its own investor."""
    order_map = opened(tmp_path)
    order_map.append([entry(1), entry(2, "100002"), entry(3)])

    assert [e.counter_ref for e in order_map.load("100001")] == [1, 3]
    assert list(order_map.load("nobody")) == []


def test_a_line_cut_by_a_crash_is_dropped_and_spoils_nothing(tmp_path: Path) -> None:
    """Its order was not sent, because the append had not returned."""
    opened(tmp_path).append([entry(1)])
    with (tmp_path / f"{DAY}.jsonl").open("a") as file:
        file.write('{"space":"OrderRef","counter_fr')

    reopened = opened(tmp_path)
    reopened.append([entry(2)])

    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 2]


def test_a_new_trading_day_starts_empty_and_removes_what_is_older(tmp_path: Path) -> None:
    """References start anew every day; yesterday's file would only grow old."""
    order_map = opened(tmp_path)
    order_map.append([entry(1)])

    order_map.begin("20261124")

    assert list(order_map.load()) == []
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["20261124.jsonl"]


def test_a_disk_that_takes_only_part_is_an_error_and_leaves_no_torn_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order whose owner could not be kept must not be sent."""
    order_map = opened(tmp_path)
    order_map.append([entry(1)])
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real_write(file, data[:10]))

    with pytest.raises(OSError, match="order map cannot be written"):
        order_map.append([entry(2)])

    monkeypatch.undo()
    order_map.append([entry(3)])
    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 3]


def test_what_was_never_sent_is_forgotten_also_by_the_next_process(tmp_path: Path) -> None:
    """The API answered -1: the terminal may use the reference, or the client_order_key, again."""
    order_map = opened(tmp_path)
    order_map.append([entry(1), entry(2)])
    order_map.retract([entry(1)])

    assert [e.counter_ref for e in order_map.load()] == [2]
    assert [e.counter_ref for e in opened(tmp_path).load()] == [2]


def test_only_the_relay_may_read_the_files(tmp_path: Path) -> None:
    """They say who trades what."""
    opened(tmp_path / "map").append([entry(1)])

    assert (tmp_path / "map" / f"{DAY}.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_days_keys_are_known_to_every_session(tmp_path: Path) -> None:
    """A client_order_key of one counter session, or of the killed process, is recognized in all others, until tomorrow."""
    killed = opened(tmp_path)
    killed.append([entry(1, key="my-key")])
    order_map = opened(tmp_path)

    assert order_map.order_keys.first("100001", "my-key", entry(1).content) == "1"
    assert order_map.order_keys.first("100002", "my-key", entry(1).content) is None
    order_map.begin("20261124")
    assert order_map.order_keys.first("100001", "my-key", entry(1).content) is None
    killed.close()
