"""Reach a relay, and say so to the user where it is not reached: one line, however many fronts and attempts there are."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from terminal_client.conversation import Entrance
from terminal_client.stream import StreamBroken

log = logging.getLogger(__name__)
SOON_SECONDS = 3.0
"""in which a relay that is there is reached"""
_AGAIN_SECONDS = 60.0


class SaidOnce:
    """Of each address when it was last said that it is not reached."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def say(self, address: str) -> None:
        """Unless it has been said, and the relay was not reached since."""
        with self._lock:
            if address in self._at:
                return
            self._at[address] = self._now()
        log.warning(
            "连不上中继 %s，仍在重试；请检查该地址、网络和 ca_file "
            "the relay at %s is not reached, and is tried again: check this address, the network and ca_file",
            address,
            address,
        )

    def forget(self, address: str) -> None:
        """It is reached. Said again a minute after the last time at the earliest: a relay may come and go."""
        with self._lock:
            if self._now() - self._at.get(address, 0.0) >= _AGAIN_SECONDS:
                self._at.pop(address, None)


_SAID = SaidOnce()
"""of this process, which may have many fronts at one relay"""


async def reach(entrance: Entrance, address: str) -> None:
    """Wait until the relay is connected. StreamBroken when it is not in time; the user hears of it earlier."""
    patience = asyncio.get_running_loop().call_later(SOON_SECONDS, _SAID.say, address)
    try:
        await entrance.reached()
    except StreamBroken:
        _SAID.say(address)
        raise
    finally:
        patience.cancel()
    _SAID.forget(address)
