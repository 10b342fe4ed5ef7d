"""What a terminal pays for frames that are dear, or are for nothing.

A bucket of tokens, so many a second. One that takes more than there is breaks the connection off.

* A frame that h2 works on, an empty one and a GOAWAY cost a token. So does a ping while nothing was sent since the last one:
  gRPC's clients ping after each message, to measure the line.
* A frame of a call that is over costs a twentieth. Honest terminals send some, which were on their way when the relay ended
  the call: its window has room for a few thousand small ones.
* A window that grows costs as little, and only beyond two for each frame that was sent: some clients open both the
  stream's window and the connection's after every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ctprelay.wire.frames import ErrorCode, ProtocolBroken
from relay.http2.bucket import Bucket

_TWENTIETH: Final = 0.05
_WINDOWS_OF_A_FRAME: Final = 2


class Toll:
    """Of one connection."""

    def __init__(self, bucket: Bucket, now: Callable[[], float]) -> None:
        self.sent = 0
        """frames with something for the terminal; counted by whoever sends them"""
        self.bucket = bucket
        self._now = now
        self._sent_at_ping = -1
        self._windows = 0

    def charge(self, tokens: float = 1.0) -> None:
        """For one frame; raises ProtocolBroken."""
        if self.bucket.take(tokens, self._now()) < 0:
            raise ProtocolBroken(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that are for nothing")

    def charge_late(self) -> None:
        """A frame of a call that is over; raises ProtocolBroken."""
        self.charge(_TWENTIETH)

    def charge_ping(self) -> None:
        """Raises ProtocolBroken."""
        if self.sent == self._sent_at_ping:
            self.charge()
        self._sent_at_ping = self.sent

    def charge_window(self) -> None:
        """A window has grown; raises ProtocolBroken."""
        self._windows += 1
        if self._windows > _WINDOWS_OF_A_FRAME * self.sent:
            self.charge(_TWENTIETH)
