"""What a UFX counter offers: markets and kinds of futures business of the operator's portfolios. Pure.

Before a login the exchanges are those of the settings. A market number that the settings do not map is shown as `unmapped` with
the counter's own number, and orders there are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from relay.counter.description import COUNTER, SETTINGS
from relay.counter.port import (
    CTP,
    Board,
    CounterDescription,
    Exchange,
    LoginLevel,
    OfferedLimit,
    Pushes,
    WantedInfo,
)
from relay.counter.ufx.replies import UfxRow
from relay.counter.ufx.words import COUNTERS, EXCHANGE_NAMES, MAX_TEXT, UNMAPPED, MarketNumbers

SYSTEM = "ufx"
CAPABILITIES = ("orders", "queries")
WANTED = (
    WantedInfo(CTP, required=False, encoding="binary", shortest=264, longest=273, differs=True),
    *(WantedInfo(kind, longest=MAX_TEXT) for kind in COUNTERS if kind != CTP),
)
_BOARDS = {"a": "投机 Speculation", "b": "套期保值 Hedging", "c": "套利 Arbitrage"}
"""futu_invest_type; names are ours for what the book lists, others keep their code"""


def before_login(
    markets: MarketNumbers, requests: frozenset[str], local: frozenset[str], library: tuple[str, str], *, operator: bool
) -> CounterDescription:
    """What is known from the settings; `library` is the version and SHA-256 of the T2SDK."""
    return CounterDescription(
        system=SYSTEM,
        version=f"T2SDK {library[0]}",
        exchanges=tuple(_exchange(markets, number, (), SETTINGS) for number in markets.by_number),
        requests=requests,
        capabilities=CAPABILITIES,
        library_sha256=library[1],
        levels=login_levels(of_operator=operator),
        currencies=("CNY",),
        translated=requests - local,
        local=local,
        wanted=WANTED,
        limits=(OfferedLimit("collected_text", MAX_TEXT),),
        pushes=Pushes(orders=True, trades=True, replay="query"),
    )


def after_login(
    before: CounterDescription, markets: MarketNumbers, portfolios: Sequence[UfxRow], version: str, day: str, since: str
) -> CounterDescription:
    """What the latest login said."""
    return replace(
        before,
        exchanges=tuple(_exchanges(markets, portfolios)) or before.exchanges,
        product=f"UFX {version}".strip()[:100],
        trading_day=day,
        levels=tuple(replace(level, up=True) for level in before.levels),
        since=since,
    )


def login_levels(
    *, of_operator: bool, connected: bool = False, operator: bool = False, token: bool = False
) -> tuple[LoginLevel, ...]:
    """The connection is the relay's in both modes; of the terminals' tokens one is enough to be up."""
    of_relay = (LoginLevel("operator", up=operator),) if of_operator else ()
    return (LoginLevel("connection", up=connected), *of_relay, LoginLevel("token", up=token, of_terminal=True))


def _exchanges(markets: MarketNumbers, portfolios: Sequence[UfxRow]) -> Iterable[Exchange]:
    """An empty market_no_list means all that there are."""
    boards: dict[str, dict[str, None]] = {}
    for row in portfolios:
        listed = _listed(row.get("market_no_list", "")) or list(markets.by_number)
        for number in listed:
            boards.setdefault(number[:8], {}).update(dict.fromkeys(_listed(row.get("futu_invest_type", ""))))
    for number, types in boards.items():
        yield _exchange(markets, number, tuple(types), COUNTER)


def _listed(text: str) -> list[str]:
    for mark in ("|", ";", " "):
        text = text.replace(mark, ",")
    return [part for part in text.split(",") if part]


def _exchange(markets: MarketNumbers, number: str, types: Sequence[str], source: str) -> Exchange:
    code = markets.by_number.get(number)
    boards = tuple(Board("futures", _BOARDS.get(kind, kind), kind) for kind in types)
    if code is None:
        return Exchange(UNMAPPED, "未对应的市场 A market without a name here", boards, number, source)
    return Exchange(code, EXCHANGE_NAMES.get(code, code), boards, number, source)


def trades_futures(row: UfxRow) -> bool:
    """Whether this portfolio may; an empty futu_invest_type says no."""
    return bool(row.get("futu_invest_type", "").strip())
