"""What of one event many terminals share: its bytes, and the turns of their streams.

An event that several terminals get, a public notice say, comes as the same bytes for each of them. Its RelayMessage is made
for the first and kept for the others, so that all journals and outboxes have one object; what differs, the sequence, is put
before it when it is written. And each terminal after the first is written in its turn: what concerns one terminal alone is
written at once, whatever the others still have to get.

What all terminals of a counter session get comes as one object for all of them, which is looked up as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.counter.port import CounterEvent, SharedEvents
from relay.sessions import frames
from relay.turns import LoopTurns

_REMEMBERED: Final = 64
"""events; those of one burst that goes to several terminals"""


Framed = tuple[Sequence[bytes], LoopTurns | None]
"""messages of events, yet without their sequences; and the turns in which they are written where they need not be written at once"""


class FanOut:
    """Of one process."""

    def __init__(self, turns: LoopTurns | None = None) -> None:
        """`turns` may be shared with others that give something to many terminals."""
        self._young: dict[bytes, bytes] = {}
        """the newest, by the event's bytes"""
        self._old: dict[bytes, bytes] = {}
        """those before; forgotten where the young ones are too many"""
        self.turns = turns or LoopTurns()
        self._last = SharedEvents()
        self._last_framed: Framed = (), None

    def frame(self, event: CounterEvent) -> tuple[bytes, LoopTurns | None]:
        """Its message, yet without a sequence; and the turns in which it is written where another terminal has got it before."""
        if event.request_id or event.native is not None:  # an answer is one terminal's
            return frames.event(event.wire, event.native), None
        wire = event.wire
        framed = self._young.get(wire) or self._old.get(wire)
        if framed is not None:
            return framed, self.turns
        framed = self._young[wire] = frames.event(wire)
        if len(self._young) >= _REMEMBERED:
            self._old, self._young = self._young, {}
        return framed, None

    def frame_shared(self, events: SharedEvents) -> Framed:
        """Of what all terminals of a counter session get."""
        if events is not self._last:
            self._last, self._last_framed = events, ([self.frame(event)[0] for event in events], self.turns)
        return self._last_framed
