"""Whose each callback is: who may see an event.

An operator's private topic carries the returns of every investor of the organization (CTP fact 53). An event whose owner the
relay cannot tell goes to nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from ctpabi.catalog import Callback, Catalog, Shape, Struct
from ctpabi.codec.cells import TextCell, text_cell
from relay.counter.ctp.identity.scope import Identity

_PUBLIC: Final = frozenset({"OnRtnInstrumentStatus", "OnRtnBulletin", "OnRtnForQuoteRsp"})
_FOR_ALL_WHEN_EMPTY: Final = frozenset({"OnRtnTradingNotice"})


class Owner(Enum):
    """How the owner of an event is named."""

    EVERYBODY = auto()
    INVESTOR = auto()
    ACCOUNT = auto()
    SESSION = auto()
    """the session it arrived in: an answer, routed by its request id, or news of the connection"""
    NOBODY = auto()
    """not told: shown to no terminal"""

    # Every notice hashes its owner a few times; Enum's own hash is a Python function and slower by far.
    __hash__ = object.__hash__


class Ownership(NamedTuple):
    """Whose one event is."""

    owner: Owner
    name: bytes = b""
    """InvestorID or AccountID"""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where one callback's struct names its owner."""

    shape: Shape
    is_notice: bool
    size: int
    broker: TextCell | None
    investor: TextCell | None
    account: TextCell | None
    range: TextCell | None
    """a rate's InvestorID may be a group's, or 00000000 for all: InvestorRange says which"""


_INVESTOR: Final = Owner.INVESTOR  # looked up once: each notice needs it
_SESSION: Final = Ownership(Owner.SESSION)
_NOBODY: Final = Ownership(Owner.NOBODY)
_EVERYBODY: Final = Ownership(Owner.EVERYBODY)
_SINGLE: Final = b"3"
"""InvestorRange of a row that is one investor's"""


class OwnershipTable:
    """Who may see the events of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._places = {
            callback.name: _places(callback, catalog.structs.get(callback.struct))
            for callback in catalog.callbacks.values()
        }

    def owner(self, callback: Callback, body: bytes | None, investor: bytes | None = None) -> Ownership:
        """Whose event this is; `body` is the struct's bytes, None for an empty answer. `investor` is its InvestorID, where it was read."""
        places = self._places.get(callback.name)
        if places is None:
            return _NOBODY
        if not places.is_notice:
            return _SESSION
        if callback.name in _PUBLIC:
            return _EVERYBODY
        if body is None or len(body) != places.size:
            return _NOBODY
        if places.investor is not None:
            name = places.investor.read(body) if investor is None else investor
            return _named(_INVESTOR, name, callback.name)
        if places.account is not None:
            return _named(Owner.ACCOUNT, places.account.read(body), callback.name)
        return _NOBODY

    def broker(self, callback: Callback, body: bytes | None) -> bytes:
        """The one broker whose terminals may see it; empty where it names none."""
        places = self._places.get(callback.name)
        return b"" if places is None else _broker(places, body)

    def belongs(
        self, callback: Callback, body: bytes | None, identity: Identity, owned: Ownership | None = None
    ) -> bool:
        """Whether this terminal may see the event. Of answers: whether the row is its own.

        `owned` is what `owner` said of it, where it was asked before.
        """
        places = self._places.get(callback.name)
        if places is None or not _same_broker(places, body, identity):
            return False
        if owned is None:
            owned = self.owner(callback, body)
        match owned.owner:
            case Owner.EVERYBODY:
                return True
            case Owner.INVESTOR:
                return owned.name == identity.investor
            case Owner.ACCOUNT:
                return _own_account(owned.name, identity)
            case Owner.SESSION:
                return _own_row(places, body, identity)
            case Owner.NOBODY:
                return False


def _places(callback: Callback, struct: Struct | None) -> _Places:
    is_notice = callback.shape is Shape.NOTICE or callback.shape is Shape.ERROR_NOTICE
    if struct is None:
        return _Places(callback.shape, is_notice, 0, None, None, None, None)
    broker, investor, account = (text_cell(struct, name) for name in ("BrokerID", "InvestorID", "AccountID"))
    return _Places(
        callback.shape, is_notice, struct.size, broker, investor, account, text_cell(struct, "InvestorRange")
    )


@lru_cache(maxsize=4096)  # notices come again and again from the same investors
def _named(owner: Owner, name: bytes, callback: str) -> Ownership:
    if name:
        return Ownership(owner, name)
    return _EVERYBODY if callback in _FOR_ALL_WHEN_EMPTY else _NOBODY


def _broker(places: _Places, body: bytes | None) -> bytes:
    if places.broker is None or body is None or len(body) != places.size:
        return b""
    return places.broker.read(body)


def _same_broker(places: _Places, body: bytes | None, identity: Identity) -> bool:
    broker = _broker(places, body)
    return not broker or broker == identity.broker


def _own_row(places: _Places, body: bytes | None, identity: Identity) -> bool:
    """An answer is routed by its request id; a row that still names somebody else is withheld."""
    if places.shape is Shape.CONNECTION:
        return False
    if body is None or (places.investor is None and places.account is None):
        return True
    if len(body) != places.size:
        return False
    if places.range is not None and places.range.read(body) != _SINGLE:
        return True
    if places.investor is not None:
        investor = places.investor.read(body)
        return not investor or investor == identity.investor
    account = places.account.read(body) if places.account is not None else b""
    return not account or _own_account(account, identity)


def _own_account(account: bytes, identity: Identity) -> bool:
    """An investor's own session hears of nobody else's accounts; in an operator's the directory says whose it is."""
    return not identity.operator_id or account in (identity.account_names or {identity.investor})
