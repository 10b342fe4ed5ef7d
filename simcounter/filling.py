"""A day that holds more than a relay wants to keep: many real orders of one investor, quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcounter.trading.rules import GOOD_FOR_DAY, LIMIT_PRICE

if TYPE_CHECKING:
    from simcounter.counter import SimulatedCounter

CHUNK = 200
"""orders between two looks at the readers"""


async def fill_day(counter: SimulatedCounter, investor_id: str, count: int, instrument_id: str) -> int:
    """Orders far from the market, each canceled at once, sent by a session of the investor's own.

    Settlement confirmation, order limit and money are not asked for. Readers are waited for, not cut.
    """
    desk, records = counter.kernel.desk, counter.records
    user = counter.accounts.investor(investor_id)
    if user is None:
        raise ValueError(f"there is no investor {investor_id}")
    instrument = desk.markets.instruments[instrument_id]
    session = counter.kernel.open_session("127.0.0.1", 0)
    session.user, session.reads_for = user, investor_id
    try:
        for number in range(1, count + 1):
            values = {
                "BrokerID": counter.config.broker_id,
                "InvestorID": investor_id,
                "UserID": investor_id,
                "InstrumentID": instrument_id,
                "ExchangeID": instrument.exchange_id,
                "OrderRef": str(number),
                "OrderPriceType": LIMIT_PRICE,
                "Direction": "0",
                "CombOffsetFlag": "0",
                "CombHedgeFlag": "1",
                "LimitPrice": instrument.price(instrument.lower_ticks),
                "VolumeTotalOriginal": 1,
                "TimeCondition": GOOD_FOR_DAY,
                "VolumeCondition": "1",
                "MinVolume": 1,
                "ContingentCondition": "1",
                "ForceCloseReason": "0",
            }
            body = records.pack("InputOrder", values)
            counter.front.carry_out(desk.take_and_cancel_order(session, records.unpack("InputOrder", body), body))
            if not number % CHUNK:
                await counter.front.wait_for_readers()
    finally:
        counter.kernel.close_session(session.session_id)
    return count
