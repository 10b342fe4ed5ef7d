"""The trader fronts of this process, which market data follows."""

from __future__ import annotations

import threading

from terminal_client.trader_front import TraderFront


class TraderFronts:
    """Fronts that are not released, the newest last."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._fronts: list[TraderFront] = []

    def add(self, front: TraderFront) -> None:
        with self._changed:
            self._fronts.append(front)
            self._changed.notify_all()

    def discard(self, front: TraderFront) -> None:
        with self._changed:
            if front in self._fronts:
                self._fronts.remove(front)

    def newest(self, seconds: float | None) -> TraderFront | None:
        """The newest one; waits so long for one where there is none, for ever with None."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._fronts), seconds)
            return self._fronts[-1] if self._fronts else None


FRONTS = TraderFronts()
"""of the process: CTP's two APIs are objects that know nothing of each other"""
