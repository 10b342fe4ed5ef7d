"""The sessions of a trader front, for who needs more of them than requests: market data hangs on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from terminal_client.conversation import Endpoint
from terminal_client.market.link import MarketSession
from terminal_client.market.market_data import MarketData
from terminal_client.session import Deadlines, Status
from terminal_client.subscriptions import Feed


@dataclass(frozen=True, slots=True)
class FrontSession:
    """One session of a front, from its login to its end. Its methods are called on the front's loop."""

    link: MarketSession
    statuses: Feed[Status]
    endpoint: Endpoint
    deadlines: Deadlines
    call_soon: Callable[[Callable[[], object]], None]
    """has something called on the front's loop, from any thread"""

    def market_data(self) -> MarketData:
        """Market data of this session; it ends with it."""
        return MarketData(self.link, self.statuses.subscribe(), self.endpoint, self.deadlines, "")


BeginSession = Callable[[FrontSession], None]
"""hears of each session, on the front's loop"""
