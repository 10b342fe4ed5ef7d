"""The collector's return code, item by item."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctpabi.facts.collector import COLLECTOR_ITEMS, missing_items, unknown_bits


def test_zero_means_nothing_is_missing() -> None:
    """A collector that returned 0 has every item."""
    assert missing_items(0) == ()


def test_a_container_lacks_disk_cpu_and_bios() -> None:
    """448, which the vendor's collector returns in a container, names the three serial numbers."""
    assert [item.english for item in missing_items(448)] == [
        "disk serial number",
        "CPU serial number",
        "BIOS serial number",
    ]


@given(st.integers(min_value=0, max_value=0xFFFF))
def test_every_bit_is_named_or_counted_as_unknown(code: int) -> None:
    """Known items and unknown bits together are the whole code."""
    assert sum(item.bit for item in missing_items(code)) | unknown_bits(code) == code
    assert len({item.chinese for item in COLLECTOR_ITEMS}) == len(COLLECTOR_ITEMS)


def test_each_bit_is_its_own_item() -> None:
    """As the vendor's documents number them: a day's summary counts the machines that lack one by these names."""
    bits = {item.bit: item.english for item in COLLECTOR_ITEMS}

    assert bits == {
        1: "terminal type",
        2: "collection time",
        4: "IP address",
        8: "MAC address",
        16: "device name",
        32: "operating system version",
        64: "disk serial number",
        128: "CPU serial number",
        256: "BIOS serial number",
        512: "system partition",
    }


def test_what_a_newer_collector_adds_is_left_as_bits() -> None:
    """Nothing is hidden, and nothing that is known is said a second time."""
    assert unknown_bits(0) == 0
    assert unknown_bits(0x3FF) == 0
    assert unknown_bits(0x400 | 0x001) == 0x400
    assert unknown_bits(0xC00) == 0xC00
