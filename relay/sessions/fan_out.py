"""What of one event many terminals share: its bytes, and the turns of their streams.

An event that several terminals get, a public notice say, comes as the same bytes for each of them. Its RelayMessage is made
for the first and kept for the others, so that all journals and outboxes have one object; what differs, the sequence, is put
before it when it is written. And each terminal after the first is written in its turn: what concerns one terminal alone is
written at once, whatever the others still have to get.
"""

from __future__ import annotations

from relay.counter.port import CounterEvent
from relay.sessions import frames
from relay.sessions.turns import WriteTurns

_REMEMBERED = 64
"""events; those of one burst that goes to several terminals"""
_IN_A_ROUND = 4
"""streams: some 0.1 ms of the loop"""


class FanOut:
    """Of one process."""

    def __init__(self) -> None:
        self._young: dict[bytes, bytes] = {}
        """the newest, by the event's bytes"""
        self._old: dict[bytes, bytes] = {}
        """those before; forgotten where the young ones are too many"""
        self._turns = WriteTurns(_IN_A_ROUND)

    def frame(self, event: CounterEvent) -> tuple[bytes, WriteTurns | None]:
        """Its message, yet without a sequence; and the turns in which it is written where another terminal has got it before."""
        if event.request_id or event.native is not None:  # an answer is one terminal's
            return frames.event(event.wire, event.native), None
        wire = event.wire
        framed = self._young.get(wire) or self._old.get(wire)
        if framed is not None:
            return framed, self._turns
        framed = self._young[wire] = frames.event(wire)
        if len(self._young) >= _REMEMBERED:
            self._old, self._young = self._young, {}
        return framed, None
