"""docs/requests.md: all requests with scope, who may send them, what the relay writes, and their answers.

Who may send what and what is written is found by asking the relay's own tables, as its order router does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codegen.pages import marked
from ctpabi.catalog import Callback, Method, Shape
from ctpabi.catalog.data import load_catalog
from ctpabi.codec import layout
from ctpabi.codec.cells import IntCell, TextCell
from ctpabi.facts.requests import Answered, known_requests
from relay.counter.ctp.identity.ownership import Owner, OwnershipTable
from relay.counter.ctp.identity.scope import Identity, Rule, ScopeTable, authorize
from relay.counter.ctp.identity.scope_table import Scope
from relay.counter.ctp.lanes.refs import ref_places
from relay.refusals.refusal import Refusal

INVESTOR = Identity("broker", "investor", public_ip="ip", mac_address="mac")
"""a terminal of many-to-many, before the counter has said which account is its investor's"""
OPERATED = Identity("broker", "investor", "operator", frozenset({"account"}), "ip", "mac")
"""a terminal of many-to-one"""

_HEAD = """\
# Requests

All {requests} requests of API {version}: who may send them, what the relay writes into them, and what comes back. The contract tests send
every one of them in both modes and compare. A request that is not listed here is refused (`unknown_method`), so an upgrade of the API opens
nothing by itself.

- **many-to-many**, **many-to-one**: `own` is sent for the session's own investor; a word in code is the reason of the relay's refusal.
  Another's InvestorID is refused with `not_your_investor`, another's AccountID with `not_your_account`: in many-to-one the relay's directory
  says whose it is, in many-to-many the counter itself. Rows that name somebody else are withheld.
- In many-to-one ClientID and InvestUnitID must be the investor's by the counter's own answer (`not_your_trading_code`), and numbers that the counter gave
  (OrderSysID, ParkedOrderID and so on) must have been shown to the investor ([decision 0057](decisions/0057-what-a-terminal-may-name-in-a-shared-session.md)).
- **identity**: fields that the relay writes, whatever the terminal put there. IPAddress is the public IP as the relay saw it, MacAddress what
  the login gave (left alone where it gave none). `UserID*` is the investor in many-to-many and the operator in many-to-one. `AccountID°` is
  filled in where it is empty and the investor has one account: by the directory, in many-to-many by the answer to QryTradingAccount.
- **references**: fields that are renumbered for the counter and shown to the terminal in its own numbers again.
- **urgency**: waiting requests are sent in the order cancel, order, other, exempt query, query. Only queries have CTP's one-in-flight rule.
- **limit**: the class it is counted in. Each has a number a second and a number of places to wait in for each session, `limits.orders_per_second`
  and `limits.orders_waiting` and so on in [settings.md](settings.md); beyond it a request is refused with `too_fast` or `queue_full`. In many-to-one
  what waits of all sessions is bounded too, and a session that has little waiting finds a place whatever others have waiting.
- **success**, **error**: the callbacks. *(nothing)*: success has no callback. A query can also end with `OnRspError`, as any request can;
  after 90 (retry) the relay sends the request again before it answers the terminal.
- A query without rows is answered once, with `empty` set in the event.
"""
_SCOPES = {
    Scope.SESSION: "Session: the relay's own business",
    Scope.PASSWORD: "Passwords",
    Scope.TRADING: "Trading",
    Scope.TRANSFER: "Transfers between bank and futures account, named by AccountID",
    Scope.INVESTOR: "The investor's own data",
    Scope.ACCOUNT: "The investor's own data, named by AccountID alone",
    Scope.USER: "The user's own sessions",
    Scope.BROKER: "The firm's data, the same for all of its investors",
    Scope.PUBLIC: "Public data: asked once in each login of the relay, then answered from its cache; `fresh` asks again",
    Scope.MARKET: "The market of this moment",
}
_OWNERS = {
    Owner.EVERYBODY: "everybody",
    Owner.INVESTOR: "the InvestorID it names",
    Owner.ACCOUNT: "the investor of the AccountID it names",
    Owner.NOBODY: "nobody",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the relay does with one request of one terminal."""

    refusal: str
    """the refusal's reason, or empty"""
    written: dict[str, str]
    """identity fields by CTP's name, with what an empty request gets there"""


@cache
def scopes() -> ScopeTable:
    return ScopeTable(load_catalog())


def rule_of(method: Method) -> Rule:
    """The relay's rule; KeyError where the relay's table lacks the request."""
    rule = scopes().rule(method)
    if isinstance(rule, Refusal):
        raise KeyError(method.name)
    return rule


def policy(method: Method, identity: Identity) -> Policy:
    """What becomes of `method` with an empty body."""
    struct = load_catalog().structs[method.struct]
    body = bytearray(struct.size)
    refusal = authorize(rule_of(method), identity, body)
    if refusal is not None:
        return Policy(refusal.reason, {})
    values = layout.unpack(struct, bytes(body))
    return Policy("", {name: value for name, value in values.items() if isinstance(value, str) and value})


def references(method: Method) -> tuple[str, ...]:
    """The fields the relay renumbers, in the struct's order."""
    struct = load_catalog().structs[method.struct]
    places = ref_places(struct)
    if places is None or rule_of(method).scope not in {Scope.TRADING, Scope.TRANSFER}:
        return ()
    cells = (places.ref, places.action_ref, *places.derived, places.front, places.session, places.request_id)
    starts = {cell.start for cell in cells if isinstance(cell, IntCell | TextCell)}
    return tuple(field.name for field in struct.fields if field.offset in starts)


def page() -> str:
    """The whole page."""
    catalog = load_catalog()
    parts = [_HEAD.format(requests=len(catalog.requests), version=catalog.version)]
    for scope, title in _SCOPES.items():
        methods = [method for method in catalog.requests if rule_of(method).scope is scope]
        parts += [f"\n## {title}\n", _table(_REQUEST_HEAD, (_request(method) for method in methods))]
    notices = [c for c in catalog.callbacks.values() if c.shape in {Shape.NOTICE, Shape.ERROR_NOTICE}]
    parts += ["\n## Who sees which notice\n", _table(_NOTICE_HEAD, (_notice(item) for item in notices))]
    return "\n".join(parts) + "\n"


_REQUEST_HEAD = (
    "request", "", "struct", "many-to-many", "many-to-one", "identity", "references", "urgency", "limit", "success", "error",
)  # fmt: skip
_NOTICE_HEAD = ("callback", "", "struct", "seen by")


def _request(method: Method) -> tuple[str, ...]:
    answer = known_requests()[method.name]
    alone, operated = policy(method, INVESTOR), policy(method, OPERATED)
    success = "*(nothing)*" if answer.answered is Answered.SILENCE else _listed(answer.success)
    return (
        f"`{method.name}`",
        method.doc,
        method.struct,
        f"`{alone.refusal}`" if alone.refusal else "own",
        f"`{operated.refusal}`" if operated.refusal else "own",
        _listed(_identity(alone, operated)),
        _listed(references(method)),
        rule_of(method).priority.name.lower().replace("_", " "),
        rule_of(method).request_class.value,
        success,
        _listed(answer.error),
    )


def _identity(alone: Policy, operated: Policy) -> Iterable[str]:
    for name, value in (alone.written | operated.written).items():
        if operated.refusal or alone.written.get(name) == value:
            yield name
        else:
            yield f"{name}*" if name in alone.written else f"{name}°"


def _notice(callback: Callback) -> tuple[str, ...]:
    struct = load_catalog().structs[callback.struct]
    named = {name: "x" for name in ("InvestorID", "AccountID") if struct.has(name)}
    owned = OwnershipTable(load_catalog()).owner(callback, layout.pack(struct, named))
    return f"`{callback.name}`", callback.doc, callback.struct, _OWNERS[owned.owner]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "–"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def files() -> dict[Path, str]:
    """The page."""
    return {Path("docs/requests.md"): marked(page())}
