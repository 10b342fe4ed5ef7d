"""What an order does to positions: one leg for a single contract, one for each contract of a combination."""

from __future__ import annotations

from dataclasses import dataclass

from simcounter.trading.book import BookSide
from simcounter.trading.instruments import Instrument
from simcounter.trading.portfolio import OPEN, PositionKey


@dataclass(slots=True)
class Leg:
    instrument: Instrument
    side: BookSide
    position: PositionKey
    frozen_today: int = 0
    """for a closing order: lots of today it still reserves"""
    frozen_yesterday: int = 0


def legs_of(instrument: Instrument, side: BookSide, offset: str, hedge_flag: str) -> list[Leg]:
    """Selling to close takes from a long position, buying to close from a short one."""
    parts = [(leg.instrument, side if leg.same_side else side.opposite) for leg in instrument.legs]
    legs = []
    for contract, direction in parts or [(instrument, side)]:
        held = direction if offset == OPEN else direction.opposite
        legs.append(Leg(contract, direction, PositionKey(contract.instrument_id, held, hedge_flag)))
    return legs


def prices_of(legs: list[Leg], first_ticks: int, ticks: int) -> list[int]:
    """What each leg trades at when the whole trades at `ticks` and the first leg's market stands at `first_ticks`."""
    if len(legs) == 1:
        return [ticks]
    same = legs[0].side is legs[1].side
    return [first_ticks, ticks - first_ticks if same else first_ticks - ticks]
