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
