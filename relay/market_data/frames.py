"""How the rarer messages of a market data stream look on the wire; challenge, rejection and goodbye are as in `sessions.frames`."""

from __future__ import annotations

from collections.abc import Mapping

from ctprelay.v1 import market_pb2 as pb
from relay.counter.market_port import FeedKind, MarketState
from relay.refusals.refusal import Refusal
from relay.sessions.frames import rejection

FEEDS = {pb.FEED_DEPTH: FeedKind.DEPTH, pb.FEED_QUOTE_REQUESTS: FeedKind.QUOTE_REQUESTS}
_NUMBERS = {kind: number for number, kind in FEEDS.items()}


def attached(state: MarketState, most: int) -> bytes:
    """MarketDataMessage of a welcome; `most` instruments the terminal may subscribe."""
    welcome = pb.MarketDataAttached(status=_status(state), max_subscriptions=most)
    return pb.MarketDataMessage(attached=welcome).SerializeToString()


def status(state: MarketState) -> bytes:
    """MarketDataMessage of an edge."""
    return pb.MarketDataMessage(status=_status(state)).SerializeToString()


def changed(change_id: int, kind: FeedKind, refused: Mapping[str, Refusal], subscribed: int) -> bytes:
    """MarketDataMessage that answers a change."""
    answer = pb.SubscriptionsChanged(
        change_id=change_id,
        feed=_NUMBERS[kind],
        subscribed=subscribed,
        refused=[pb.RefusedInstrument(instrument_id=name, rejected=rejection(why)) for name, why in refused.items()],
    )
    return pb.MarketDataMessage(changed=answer).SerializeToString()


def _status(state: MarketState) -> pb.MarketDataStatus:
    return pb.MarketDataStatus(
        state=pb.MarketDataStatus.STATE_LIVE if state.live else pb.MarketDataStatus.STATE_RECOVERING,
        reason=state.reason,
        trading_day=state.trading_day,
        trading_day_changed=state.day_changed,
    )
