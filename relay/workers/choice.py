"""Which worker gets a connection. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.edge.handed import Room


@dataclass(slots=True)
class Seat:
    """A worker that takes connections, as far as its supervisor knows."""

    room: Room
    """what it said last"""
    given: int = 0
    """connections it was given since it started"""

    @property
    def free(self) -> int:
        """Sessions it has room for, if each connection on its way becomes one."""
        return self.room.room - (self.given - self.room.taken)


def best_seat(seats: Mapping[int, Seat]) -> int | None:
    """The number of the worker with most room, of equals the one given fewest; None where none takes connections.

    One at which no login can succeed is taken only where it is so at all, and a full one where all are: it says why.
    """
    if not seats:
        return None
    return min(
        seats, key=lambda number: (not seats[number].room.ready, -seats[number].free, seats[number].given, number)
    )
