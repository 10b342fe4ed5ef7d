"""Log lines about strangers: the first of a minute for each place, and how many more there were when the minute is over."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

_log = structlog.get_logger(__name__)
_SECONDS = 60.0
_MOST_PLACES = 256
"""places with a line of their own in a minute; those of all others are counted together"""


class QuietLines:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: Counter[tuple[str, str]] = Counter()
        self._minute: asyncio.TimerHandle | None = None

    def say(self, event: str, place: str, **facts: object) -> None:
        """Write this line, unless the place has had one of this event in this minute."""
        if self._minute is None:
            self._minute = self._loop.call_later(_SECONDS, self.sum_up)
        if len(self._said) >= _MOST_PLACES and (event, place) not in self._said:
            place = "others"
        self._said[event, place] += 1
        if self._said[event, place] == 1:
            _log.warning(event, place=place, **facts)

    def sum_up(self) -> None:
        """Write how many lines were left out, and begin anew."""
        if self._minute is not None:
            self._minute.cancel()
            self._minute = None
        said, self._said = self._said, Counter()
        for (event, place), times in said.items():
            if times > 1:
                _log.warning(event, place=place, further=times - 1)
