"""Where every request and every event of one catalog keeps references: made once at the start, looked up by all sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ctpabi.catalog import Callback, Catalog, Shape
from ctpabi.native.events import NativeEvents
from relay.counter.ctp.lanes.event_keys import KeysReader
from relay.counter.ctp.lanes.refs import RefPlaces, ref_places

_ASKED_BY_NO_TERMINAL: Final = frozenset(
    {"OnErrRtnRepealBankToFutureByFutureManual", "OnErrRtnRepealFutureToBankByFutureManual"}
)
"""Error notices of what the firm does by hand: news for everybody of that account."""


@dataclass(frozen=True, slots=True)
class EventPlaces:
    """Of one callback whose struct has references."""

    places: RefPlaces
    keys: KeysReader
    is_private: bool
    """see `ReadEvent.is_private`"""


@dataclass(frozen=True, slots=True)
class LanePlaces:
    """Of one catalog, by name."""

    requests: Mapping[str, RefPlaces | None]
    """None where a request has no references"""
    events: Mapping[str, EventPlaces]
    """those that have"""


def lane_places(catalog: Catalog, native: NativeEvents | None = None) -> LanePlaces:
    """Takes some milliseconds; `native` reads events, where it was chosen."""
    places = {c.name: ref_places(catalog.structs[c.struct]) for c in catalog.callbacks.values() if c.struct}
    return LanePlaces(
        {method.name: ref_places(catalog.structs[method.struct]) for method in catalog.requests},
        {
            name: EventPlaces(one, KeysReader(one, native), _is_private(catalog.callbacks[name], one))
            for name, one in places.items()
            if one is not None
        },
    )


def _is_private(callback: Callback, places: RefPlaces) -> bool:
    """See `ReadEvent.is_private`.

    It names its request by a reference alone, which every mate would take for its own. The counter sends it to
    all sessions of its user. The FrontID and SessionID in the refusal of a cancel are the order's, not the
    sender's.
    """
    if callback.shape is not Shape.ERROR_NOTICE or callback.name in _ASKED_BY_NO_TERMINAL:
        return False
    return places.action_space is not None or not places.keyed
