"""The order map on disk: what a killed relay still knows when it comes back."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest
import structlog

from relay.counter.ctp.lanes.order_keys import FirstOrder
from relay.counter.ctp.lanes.ref_map import MapEntry
from relay.counter.ctp.lanes.refs import RefSpace
from relay.counter.ctp.order_map.file import OrderMapFile

DAY = "20261123"
FIRST = FirstOrder(1_000_000_000, 7, "1")


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


def test_every_field_is_kept_whatever_is_in_it(tmp_path: Path) -> None:
    """The lines are JSON made by hand: quotes, control characters and Chinese come back."""
    odd = '"\\\n\x00\x7f\u2028甲/'
    killed = opened(tmp_path)
    whole = MapEntry(RefSpace.QUOTE, 1, -2, 3, 4, 5, 6, "7", 8, odd, odd, b"\x00\xff\x10")
    killed.append([whole])

    (line,) = (tmp_path / f"{DAY}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]

    assert list(opened(tmp_path).load()) == [whole]
    assert json.loads(line).keys() == {field.name for field in dataclasses.fields(MapEntry)}
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


@pytest.mark.parametrize(
    "damage",
    [bytes(8192), b'{"space":"OrderRef","counter_fr\n', b"[]\n", b"null\n", b'{"space":"Nothing"}\n', b"\xff\xfe\n"],
    ids=["zeros", "half", "list", "null", "space", "no-utf8"],
)
@pytest.mark.parametrize("at", ["front", "middle", "end"])
def test_a_damaged_line_costs_that_line(tmp_path: Path, damage: bytes, at: str) -> None:
    """What a power cut or a foreign hand spoils must not hide the other orders of the day, nor their keys."""
    opened(tmp_path).append([entry(1, key="my-key"), entry(2)])
    file = tmp_path / f"{DAY}.jsonl"
    first, second, _ = file.read_bytes().split(b"\n")
    lines = {"front": damage + first + b"\n" + second + b"\n", "end": first + b"\n" + second + b"\n" + damage}
    file.write_bytes(lines.get(at, first + b"\n" + damage + second + b"\n"))

    reopened = opened(tmp_path)
    reopened.append([entry(3)])

    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 2, 3]
    assert opened(tmp_path).order_keys.first("100001", "my-key", entry(1).content) == FIRST
    assert reopened.statistics()["bad_lines"] == (0 if damage == bytes(8192) else 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("lane_ref", float("-inf")), ("lane_ref", "\u0661"), ("investor_id", "\ud800"), ("order_key", "\udfff")],
)
def test_a_line_that_could_not_be_written_again_is_damaged(tmp_path: Path, field: str, value: object) -> None:
    """The day begins all the same, and the other entries are known."""
    opened(tmp_path).append([entry(1), entry(2)])
    file = tmp_path / f"{DAY}.jsonl"
    first, second, _ = file.read_text().split("\n")
    file.write_text(json.dumps(json.loads(first) | {field: value}) + "\n" + second + "\n")

    reopened = opened(tmp_path)

    assert [e.counter_ref for e in reopened.load()] == [2]
    reopened.retract([entry(2)])


@pytest.mark.parametrize("field", ["counter_ref", "lane_ref", "order_key", "content", "investor_id"])
def test_a_line_with_a_field_of_another_type_is_damaged(tmp_path: Path, field: str) -> None:
    """It would be found out only when an order is looked up, by an exception."""
    opened(tmp_path).append([entry(1), entry(2)])
    file = tmp_path / f"{DAY}.jsonl"
    values = json.loads(file.read_bytes().split(b"\n")[0])
    file.write_text(json.dumps(values | {field: ["1"]}) + "\n" + file.read_text().split("\n")[1] + "\n")

    reopened = opened(tmp_path)

    assert [e.counter_ref for e in reopened.load()] == [2]
    assert reopened.statistics()["bad_lines"] == 1


@pytest.mark.parametrize("failing", ["open", "ftruncate", "dup"])
def test_a_day_that_could_not_be_opened_is_opened_by_the_next_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Otherwise the same client_order_key would order twice, and every other order of the day fail."""
    opened(tmp_path).append([entry(1, key="my-key")])
    order_map = OrderMapFile(tmp_path)

    def fails(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, failing, fails)
    with pytest.raises(OSError, match="too many open files"):
        order_map.begin(DAY)
    monkeypatch.undo()
    order_map.begin(DAY)
    order_map.append([entry(2)])

    assert [e.counter_ref for e in order_map.load()] == [1, 2]
    assert order_map.order_keys.first("100001", "my-key", entry(1).content) == FIRST
    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 2]


def test_a_day_that_cannot_be_opened_leaves_the_day_before_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other terminals' counter sessions may still be on it."""
    order_map = opened(tmp_path)

    def fails(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "open", fails)
    with pytest.raises(OSError, match="too many open files"):
        order_map.begin("20261124")
    order_map.append([entry(1)])

    monkeypatch.undo()
    assert [e.counter_ref for e in opened(tmp_path).load()] == [1]


def test_an_older_file_that_cannot_be_removed_does_not_cost_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is only old."""
    order_map = opened(tmp_path)

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "permission denied")

    monkeypatch.setattr(Path, "unlink", fails)
    order_map.begin("20261124")
    order_map.append([entry(1)])

    assert [e.counter_ref for e in order_map.load()] == [1]


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

    with pytest.raises(OSError, match="written only in part"):
        order_map.append([entry(2)])

    monkeypatch.undo()
    order_map.append([entry(3)])
    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 3]


def small_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """`room` more bytes fit; what exceeds them is cut, then ENOSPC."""
    real_write, left = os.write, [room]

    def write(file: int, data: bytes) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        written = real_write(file, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)


def test_a_retraction_on_a_full_disk_is_made_up_for_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call was answered long ago; the line is written as soon as there is room."""
    order_map = opened(tmp_path)
    order_map.append([entry(1)])
    small_disk(monkeypatch, 50)
    order_map.retract([entry(1)])
    with pytest.raises(OSError, match="no space left"):
        order_map.append([entry(2)])
    monkeypatch.undo()

    order_map.append([entry(3)])

    assert [e.counter_ref for e in order_map.load()] == [3]
    assert [e.counter_ref for e in opened(tmp_path).load()] == [3]
    assert order_map.statistics() == {"failed": 2, "bad_lines": 0}


def test_half_a_line_that_could_not_be_cut_off_is_cut_off_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file always ends with a whole line when something is added to it."""
    order_map = opened(tmp_path)
    order_map.append([entry(1)])
    small_disk(monkeypatch, 50)

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "ftruncate", fails)
    with pytest.raises(OSError, match="in part"):
        order_map.append([entry(2)])
    monkeypatch.undo()

    order_map.append([entry(3)])

    assert [e.counter_ref for e in opened(tmp_path).load()] == [1, 3]
    assert opened(tmp_path).statistics()["bad_lines"] == 0


def test_a_file_that_cannot_be_written_is_logged_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each order would fill what is left of the disk."""
    now = [0.0]
    order_map = OrderMapFile(tmp_path, clock=lambda: now[0])
    order_map.begin(DAY)
    small_disk(monkeypatch, 0)

    with structlog.testing.capture_logs() as lines:
        for second in range(25):
            now[0] = float(second)
            with pytest.raises(OSError, match="no space left"):
                order_map.append([entry(second)])

    assert [line["failed_writes"] for line in lines] == [1, 11, 21]


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

    assert order_map.order_keys.first("100001", "my-key", entry(1).content) == FIRST
    assert order_map.order_keys.first("100002", "my-key", entry(1).content) is None
    order_map.begin("20261124")
    assert order_map.order_keys.first("100001", "my-key", entry(1).content) is None
    killed.close()


def test_a_day_that_cannot_be_begun_is_heard_of_and_found_by_a_look(tmp_path: Path) -> None:
    """In many-to-one no operator is live then; the directory itself may be as it should be."""
    heard: list[str] = []
    order_map = OrderMapFile(tmp_path)
    order_map.on_failure = heard.append
    (tmp_path / f"{DAY}.jsonl").mkdir()
    with pytest.raises(OSError, match="directory"):
        order_map.begin(DAY)
    found = order_map.why_unwritable()
    (tmp_path / f"{DAY}.jsonl").rmdir()

    assert (len(heard), "directory" in found, order_map.why_unwritable()) == (1, True, "")


def test_its_folder_is_the_relays_alone(tmp_path: Path) -> None:
    """Other accounts of the machine learn nothing of who orders, not even that there are orders."""
    OrderMapFile(tmp_path / "deep" / "orders").close()

    assert (tmp_path / "deep" / "orders").stat().st_mode & 0o777 == 0o700
