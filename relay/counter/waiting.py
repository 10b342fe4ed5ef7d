"""How one terminal's items are waited for."""

from __future__ import annotations

from time import perf_counter

from relay.figures.figures import Figures
from relay.lean_event import LeanEvent


class Waiting:
    """How one terminal's items are waited for, and how long the first of each burst took into its stream's queue."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._ready = LeanEvent()
        self._since = 0.0
        self._came = 0

    def came(self, count: int, since: float = 0.0) -> None:
        """So many items are there, by default since now; `wake` the reader, or take them out for him."""
        self._came += count
        if not self._since:
            self._since = since or perf_counter()

    def wake(self) -> None:
        """Whoever waits in `next_item` is to look."""
        self._ready.set()

    def forget(self) -> None:
        """What came before anybody read it was not late."""
        self._since = 0.0

    @property
    def is_woken(self) -> bool:
        """Whether the reader is on its way to look."""
        return self._ready.is_set()

    def given(self) -> None:
        """All that came is in the queue of the terminal's stream."""
        if self._since:
            self._figures.notice_seconds.observe(perf_counter() - self._since)
            self._since = 0.0
        self._figures.events += self._came
        self._came = 0

    async def next_item(self) -> None:
        """All that came was given: wait until there is more."""
        self.given()
        self._ready.clear()
        await self._ready.wait()
