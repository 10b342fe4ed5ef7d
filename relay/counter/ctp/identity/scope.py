"""May this terminal send this request, and which identity goes into it.

In an operator's session an empty InvestorID means everybody, so nothing a terminal wrote into an identity field
is ever sent on: it is overwritten with the session's own, or refused where it named somebody else. CTP facts 29, 54,
55 and 56 say what the identity fields mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ctpabi.catalog import Catalog, Method, Struct
from ctpabi.codec.cells import DoubleCell, TextCell, double_cells, text_cell
from ctpabi.codec.text import encode
from relay.counter.ctp.identity.scope_table import (
    CLOSED_TO_SHARED_SESSIONS,
    SCOPES,
    Priority,
    RequestClass,
    Scope,
    class_of,
    priority_of,
)
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal


@dataclass(frozen=True)
class Identity:
    """Who a terminal session acts as. Replace it (`dataclasses.replace`) when something is learned."""

    broker_id: str
    investor_id: str
    operator_id: str = ""
    """the operator's UserID in many-to-one; empty where the session is the investor's own"""
    accounts: frozenset[str] = frozenset()
    """AccountIDs known to be this investor's; usually one, equal to InvestorID, but not always. In many-to-one the
    directory says which; in an investor's own session they are learned from the counter, to fill in the only one"""
    public_ip: str = ""
    """as the relay saw it: IPv4 dotted, or IPv6 as 32 hex digits"""
    mac_address: str = ""
    app_id: str = ""
    """the terminal's, for the record of its orders"""

    @cached_property
    def broker(self) -> bytes:
        return encode(self.broker_id)

    @cached_property
    def investor(self) -> bytes:
        return encode(self.investor_id)

    @cached_property
    def account_names(self) -> frozenset[bytes]:
        return frozenset(encode(account) for account in self.accounts)

    @cached_property
    def stamps(self) -> dict[str, tuple[tuple[slice, bytes], ...]]:
        """What `authorize` writes for this identity, by method; filled as methods are used."""
        return {}


@dataclass(frozen=True, slots=True)
class Rule:
    """What the relay knows about one request."""

    method: str
    scope: Scope
    priority: Priority
    request_class: RequestClass
    size: int
    """bytes of the request's struct"""
    broker: TextCell | None
    investor: TextCell | None
    user: TextCell | None
    account: TextCell | None
    address: TextCell | None
    mac: TextCell | None
    doubles: tuple[DoubleCell, ...]

    @property
    def cacheable(self) -> bool:
        """Whether one answer serves every terminal for the trading day."""
        return self.scope is Scope.PUBLIC

    @property
    def acts(self) -> bool:
        """Whether the request changes something: its UserID is then the one logged in at the counter."""
        return self.scope in {Scope.TRADING, Scope.TRANSFER}


class ScopeTable:
    """The rules of all requests of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        """Raises ValueError where a listed request's struct does not fit its scope."""
        self._rules = {
            method.name: _rule(method, catalog.structs[method.struct])
            for method in catalog.requests
            if method.name in SCOPES
        }

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def rule(self, method: Method) -> Rule | Refusal:
        """The rule of `method`; a request that the table does not list is never sent."""
        return self._rules.get(method.name) or call_reasons.unknown_method(name=method.name)


def authorize(rule: Rule, identity: Identity, body: bytearray) -> Refusal | None:
    """Write the session's identity into `body`, or say why the request is refused. A refusal changes nothing."""
    stamps = identity.stamps.get(rule.method)  # there are none before it was open to this identity
    closed = _closed(rule, identity) if stamps is None else None
    refusal = closed or _malformed(rule, body) or _foreign(rule, identity, body)
    if refusal is not None:
        return refusal
    if stamps is None:
        stamps = identity.stamps[rule.method] = _stamps(rule, identity)
    for place, content in stamps:
        body[place] = content
    return None


def _rule(method: Method, struct: Struct) -> Rule:
    scope = SCOPES[method.name]
    names = ("BrokerID", "InvestorID", "UserID", "AccountID", "IPAddress", "MacAddress")
    broker, investor, user, account, address, mac = (text_cell(struct, name) for name in names)
    doubles = double_cells(struct)
    priority, counted = priority_of(method.name), class_of(method.name)
    rule = Rule(
        method.name, scope, priority, counted, struct.size, broker, investor, user, account, address, mac, doubles
    )
    if not _fits(rule):
        raise ValueError(f"{method.name}: the fields of {struct.name} do not fit the scope {scope}")
    return rule


def _fits(rule: Rule) -> bool:
    match rule.scope:
        case Scope.INVESTOR | Scope.TRADING:
            return rule.broker is not None and rule.investor is not None
        case Scope.ACCOUNT | Scope.TRANSFER:
            return rule.broker is not None and rule.investor is None and rule.account is not None
        case Scope.PASSWORD | Scope.USER | Scope.SESSION:
            return rule.broker is not None and rule.investor is None
        case Scope.BROKER:
            return rule.broker is not None and not (rule.investor or rule.user or rule.account)
        case Scope.PUBLIC | Scope.MARKET:
            return not (rule.broker or rule.investor or rule.user or rule.account)


def _closed(rule: Rule, identity: Identity) -> Refusal | None:
    """What this method is not for, whatever it says."""
    if rule.scope is Scope.SESSION:
        return call_reasons.session_method(name=rule.method)
    if identity.operator_id:
        if rule.method == "ReqUserPasswordUpdate":
            return call_reasons.password_is_with_the_relay(name=rule.method)
        if rule.method in CLOSED_TO_SHARED_SESSIONS:
            return call_reasons.not_in_this_mode(name=rule.method)
    return None


def _malformed(rule: Rule, body: bytearray) -> Refusal | None:
    """Whether the counter could misread it. A price that is NaN passes every limit or none, whatever the limit.

    DBL_MAX passes: it is how CTP itself writes "no value", and the counter knows where it may stand.
    """
    if len(body) != rule.size:
        return call_reasons.wrong_struct_size(name=rule.method, received=len(body), expected=rule.size)
    for cell in rule.doubles:
        if not math.isfinite(cell.read(body)):
            return call_reasons.number_not_finite(name=rule.method, field=cell.name)
    return None


def _foreign(rule: Rule, identity: Identity, body: bytearray) -> Refusal | None:
    """Whether the body names somebody else; sent in the caller's own name it could trade on the wrong account."""
    if rule.investor is not None:
        named = rule.investor.read(body)
        if named and named != identity.investor:
            return call_reasons.not_your_investor()
    if rule.account is not None:
        return _settle_account(rule, identity, body)
    return None


def _settle_account(rule: Rule, identity: Identity, body: bytearray) -> Refusal | None:
    """Check AccountID; fill it in where it alone says whose data it is."""
    cell = rule.account
    if cell is None:
        return None
    named, own = cell.read(body), identity.account_names
    pinned = rule.investor is not None
    if named:
        # An investor's own session is confined by the counter itself, which alone knows all of his accounts.
        known = named in own or (pinned and named == identity.investor) or not identity.operator_id
        return None if known else call_reasons.not_your_account()
    if pinned:
        return None
    if len(own) == 1:
        cell.write(body, next(iter(own)))
        return None
    return call_reasons.account_unknown() if identity.operator_id else None


def _stamps(rule: Rule, identity: Identity) -> tuple[tuple[slice, bytes], ...]:
    """The bytes this identity puts into this request's struct."""
    user = identity.operator_id if rule.acts and identity.operator_id else identity.investor_id
    values = (
        (rule.broker, identity.broker_id),
        (rule.investor, identity.investor_id),
        (rule.user, user),
        (rule.address, identity.public_ip),
    )
    places = [(cell, encode(value)) for cell, value in values if cell is not None]
    if rule.mac is not None and identity.mac_address:
        places.append((rule.mac, encode(identity.mac_address)))
    return tuple((slice(cell.start, cell.stop), cell.padded(value)) for cell, value in places)
