"""What of one event many terminals share: its bytes, and the turns of their streams.

An event that several terminals get, a public notice say, comes as the same bytes for each of them. Its RelayMessage is made
for the first and kept for the others, so that all journals and outboxes have one object; what differs, the sequence, is put
before it when it is written. And each terminal after the first is written in its turn: what concerns one terminal alone is
written at once, whatever the others still have to get.
"""

from __future__ import annotations

from collections import OrderedDict

from relay.counter.port import CounterEvent
from relay.sessions import frames
from relay.sessions.turns import WriteTurns

_REMEMBERED = 64
"""events; those of one burst that goes to several terminals"""
_IN_A_ROUND = 16
"""streams: some 2 ms of the loop with what gRPC does for each"""


class FanOut:
    """Of one process."""

    def __init__(self) -> None:
        self._framed: OrderedDict[bytes, bytes] = OrderedDict()
        """the newest, by the event's bytes"""
        self._turns = WriteTurns(_IN_A_ROUND)

    def frame(self, event: CounterEvent) -> tuple[bytes, WriteTurns | None]:
        """Its message, yet without a sequence; and the turns in which it is written where another terminal has got it before."""
        if event.request_id or event.native is not None:  # an answer is one terminal's
            return frames.event(event.wire, event.native), None
        framed = self._framed.get(event.wire)
        if framed is not None:
            return framed, self._turns
        framed = self._framed[event.wire] = frames.event(event.wire)
        if len(self._framed) > _REMEMBERED:
            self._framed.popitem(last=False)
        return framed, None
