"""What this program itself can say about its machine, next to what the collector collects."""

from __future__ import annotations

import uuid

_MULTICAST = 1 << 40


def mac_address() -> str:
    """A hardware address as 00:11:22:33:44:55 for orders' MacAddress; empty where none is known."""
    node = uuid.getnode()
    if node & _MULTICAST:  # uuid made one up
        return ""
    digits = f"{node:012x}"
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
