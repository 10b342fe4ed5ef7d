"""The items the vendor's collector gathers, and the bits of its return code that say which are missing.

`CTP_GetSystemInfo` returns 0 when it has all of them, since API 6.6.7. The bytes it writes are well-formed
all the same, so the counter never notices what is missing (CTP fact 40).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CollectorItem:
    """One item of a terminal's system info."""

    bit: int
    english: str
    chinese: str


COLLECTOR_ITEMS = (
    CollectorItem(0x001, "terminal type", "终端类型"),
    CollectorItem(0x002, "collection time", "采集时间"),
    CollectorItem(0x004, "IP address", "IP 地址"),
    CollectorItem(0x008, "MAC address", "MAC 地址"),
    CollectorItem(0x010, "device name", "设备名"),
    CollectorItem(0x020, "operating system version", "操作系统版本"),
    CollectorItem(0x040, "disk serial number", "硬盘序列号"),
    CollectorItem(0x080, "CPU serial number", "CPU 序列号"),
    CollectorItem(0x100, "BIOS serial number", "BIOS 序列号"),
    CollectorItem(0x200, "system partition", "系统盘分区信息"),
)


def missing_items(code: int) -> tuple[CollectorItem, ...]:
    """The items a non-zero return code of the collector says are missing."""
    return tuple(item for item in COLLECTOR_ITEMS if code & item.bit)


def unknown_bits(code: int) -> int:
    """The bits of the code that no known item explains; a newer collector may have more."""
    known = 0
    for item in COLLECTOR_ITEMS:
        known |= item.bit
    return code & ~known
