"""What is checked about system info without the vendor's library."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.admission.system_info import AgeLimits, check_age, check_length, collected_at
from relay.database.times import COUNTER_ZONE

NOW = dt.datetime(2026, 11, 22, 1, 0, 0, tzinfo=dt.UTC)
LIMITS = AgeLimits(oldest=300, ahead=60)


def header_of(at: dt.datetime) -> bytes:
    local = at.astimezone(COUNTER_ZONE)
    stamp = (local.year - 2000, local.month, local.day, local.hour, local.minute, local.second)
    return bytes([1, ord("0"), *stamp])


@pytest.mark.parametrize("length", [264, 265, 273])
def test_lengths_the_collector_makes_are_accepted(length: int) -> None:
    """264 to 273 bytes pass when the stated length equals them."""
    assert check_length(bytes(length), length) is None


@pytest.mark.parametrize(
    ("length", "stated"), [(0, 0), (263, 263), (274, 274), (265, 264), (264, 265), (265, 0), (5000, 5000)]
)
def test_other_lengths_are_refused_with_both_numbers(length: int, stated: int) -> None:
    """The refusal tells how many bytes came and how many were stated."""
    refusal = check_length(bytes(length), stated)

    assert refusal is not None
    assert refusal.reason == "system_info_length"
    assert str(length) in refusal.message
    assert str(stated) in refusal.message


def test_the_header_holds_the_time() -> None:
    """Read from the bytes the vendor's 6.7.11 library unwrapped."""
    header = bytes.fromhex("01331a0b16083b05c1b3cd11004b5a7d")

    assert collected_at(header) == dt.datetime(2026, 11, 22, 8, 59, 5, tzinfo=COUNTER_ZONE)


@given(st.binary(max_size=16))
def test_any_bytes_are_read_without_error(data: bytes) -> None:
    """Bytes that hold no time, or are too few, have none; nothing is raised."""
    at = collected_at(data)

    assert at is None or (len(data) >= 8 and at.year in range(2000, 2256))


@pytest.mark.parametrize("seconds", [0, 1, 299, 300, -60])
def test_system_info_of_this_login_is_accepted(seconds: int) -> None:
    """Up to the oldest age, and as far ahead as clocks may differ."""
    assert check_age(header_of(NOW - dt.timedelta(seconds=seconds)), NOW, LIMITS) is None


@pytest.mark.parametrize(("seconds", "word"), [(301, "301"), (86400, "86400"), (-61, "61"), (8 * 3600, "28800")])
def test_system_info_of_another_time_is_refused(seconds: int, word: str) -> None:
    """Too old, or too far ahead; the refusal tells by how much (a terminal in another time zone is hours off)."""
    refusal = check_age(header_of(NOW - dt.timedelta(seconds=seconds)), NOW, LIMITS)

    assert refusal is not None
    assert refusal.reason == "system_info_stale"
    assert word in refusal.message
    assert "Asia/Shanghai" in refusal.advice


def test_system_info_without_a_time_is_refused() -> None:
    """Fail closed: the vendor's library let it pass by chance, its collector did not make it."""
    refusal = check_age(bytes(8), NOW, LIMITS)

    assert refusal is not None
    assert refusal.reason == "system_info_not_genuine"
