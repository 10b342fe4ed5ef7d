"""A terminal's request, read: decoded, in the terminal's own name, and nothing in it that would be lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctpabi.catalog import Catalog
from ctpabi.codec import layout
from ctpabi.codec.messages import Messages
from relay.counter.ctp.identity.scope import Identity, ScopeTable, authorize
from relay.counter.ctp.identity.scope_table import Priority, RequestClass
from relay.counter.ctp.orders.checks import decoded
from relay.counter.port import TerminalCall
from relay.counter.translated.values import Values
from relay.refusals import call_reasons
from relay.refusals.refusal import Refusal

_IDENTITY = frozenset({"BrokerID", "InvestorID", "UserID", "AccountID", "IPAddress", "MacAddress", "RequestID"})
"""fields that the relay writes or looks at itself"""


@dataclass(frozen=True, slots=True)
class ReadCall:
    """One request that may be carried out."""

    method: str
    """CTP's name: ReqOrderInsert"""
    values: Values
    """the struct, with the session's identity in it"""
    request_class: RequestClass
    is_question: bool


class RequestReader:
    """For one adapter."""

    def __init__(self, catalog: Catalog, carried: Mapping[str, frozenset[str]]) -> None:
        """`carried`: the requests that the adapter carries out, by CTP's name, each with the fields it looks at."""
        self._catalog = catalog
        self._messages = Messages(catalog)
        self._scope = ScopeTable(catalog)
        self._carried = carried

    @property
    def offered(self) -> frozenset[str]:
        """The same as members of ctp.v1.Request."""
        return frozenset(self._catalog.methods[name].proto_name for name in self._carried)

    def read(self, call: TerminalCall, identity: Identity) -> ReadCall | Refusal:
        """The request, or why it is not carried out."""
        found = decoded(call, self._messages)
        if isinstance(found, Refusal):
            return found
        method, body = found
        carried = self._carried.get(method.name)
        if carried is None:
            return call_reasons.not_offered_by_counter(name=method.proto_name)
        rule = self._scope.rule(method)
        if isinstance(rule, Refusal):
            return rule
        refusal = authorize(rule, identity, body)
        if refusal is not None:
            return refusal
        values = layout.unpack(self._catalog.structs[method.struct], bytes(body))
        account = values.get("AccountID", "")
        if account and account not in {identity.investor_id, *identity.accounts}:
            return call_reasons.not_your_account()
        lost = _lost(values, carried)
        if lost:
            return call_reasons.field_not_offered_by_counter(name=f"{method.proto_name}.{lost}")
        is_question = rule.priority in {Priority.QUERY, Priority.EXEMPT_QUERY}
        return ReadCall(method.name, values, rule.request_class, is_question)


def _lost(values: Values, carried: frozenset[str]) -> str:
    """The first field that says something which the adapter does not look at."""
    for name, value in values.items():
        says = value not in {"", "0", 0, b"", layout.DBL_MAX}
        if says and name not in carried and name not in _IDENTITY and not name.startswith("reserve"):
            return name
    return ""


def matches(values: Values, asked: Values) -> bool:
    """Whether a row is one that a query asks for: an empty field of the request asks for nothing."""
    wanted = ("InstrumentID", "ExchangeID", "OrderSysID", "TradeID", "ProductID")
    return all(str(values.get(name, "")).strip() == asked[name].strip() for name in wanted if asked.get(name))
