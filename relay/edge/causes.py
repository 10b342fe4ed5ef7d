"""Why a connection is refused or cut: the names that the log and the metrics use."""

from __future__ import annotations

from collections import Counter
from enum import Enum


class Cause(Enum):
    """The name in log and metrics, and what it means."""

    HEADER = ("refused_header", "refused: no PROXY header, one that cannot be read, or one that is not theirs to send")
    NOT_TLS = ("refused_first_bytes", "refused: they did not begin as TLS does")
    SILENT = ("refused_silent", "refused: they did not say the first word in time")
    PLACE_FULL = ("refused_address_full", "refused: their address had as many as it may without a session")
    FULL = ("refused_full", "refused: there were as many as there may be")
    QUEUE = ("refused_waited", "refused: they waited too long for their turn")
    HANDSHAKE = ("refused_handshake", "refused: TLS could not be agreed on with them")
    GAVE_WAY = ("cut_gave_way", "cut before they proved themselves: their address held most when all places were taken")
    LOGGING_IN = (
        "cut_logging_in",
        "cut: their address held most of those that were logging in, and there were too many",
    )
    BYTES = ("cut_bytes", "cut: too many bytes before they proved themselves")
    STREAMS = ("cut_streams", "cut: too many streams before they proved themselves")
    FRAMES = ("cut_frames", "cut: they broke a rule of HTTP/2, or sent too many frames that are for nothing")
    BROKEN = ("cut_broken", "cut: what they sent was none of TLS")
    UNREAD = ("cut_unread", "cut: they read nothing and went on asking")
    UNPROVED = ("cut_unproved", "cut: they did not prove themselves in time")
    IDLE = ("cut_idle", "cut: they had no stream for a while")
    UNCLOSED = ("cut_unclosed", "cut: they did not close a stream that the relay had ended")

    def __init__(self, event: str, meaning: str) -> None:
        self.event = event
        self.meaning = meaning

    @property
    def refuses(self) -> bool:
        """Whether it is refused before a stream could be opened on it; else it was cut later."""
        return self.event.startswith("refused_")


class CauseCounts:
    """How often each came up since the start."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()

    def add(self, cause: Cause) -> None:
        """Once more."""
        self._counts[cause] += 1

    def of(self, cause: Cause) -> int:
        """How often this one did."""
        return self._counts[cause]

    @property
    def refused(self) -> int:
        """How many connections were refused, for whatever cause."""
        return sum(count for cause, count in self._counts.items() if cause.refuses)
