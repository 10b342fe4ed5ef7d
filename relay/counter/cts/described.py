"""What a CTS counter offers: exchanges of the account's register list, and what the adapter carries out. Pure.

Before a login the exchanges are those of the settings. A letter that the settings do not map is shown as `unmapped` with
the counter's own code, and orders there are refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from relay.counter.cts.session import CounterGreeting
from relay.counter.cts.wire import text_of
from relay.counter.cts.words import CURRENCIES, EXCHANGE_NAMES, UNMAPPED, ExchangeLetters
from relay.counter.description import COUNTER, SETTINGS
from relay.counter.port import Board, CounterDescription, Exchange, LoginLevel, OfferedLimit, Pushes, WantedInfo

SYSTEM = "cts"
WANTED = (WantedInfo("cts:*"),)
"""which vendor's, each account says at its login; some want none"""
_FUTURES = Board("futures", "期货 Futures", "9")
"""creditFundFlag 9"""


def before_login(
    letters: ExchangeLetters, requests: frozenset[str], local: frozenset[str], version: str, *, has_operator: bool
) -> CounterDescription:
    """What is known from the settings."""
    return CounterDescription(
        system=SYSTEM,
        version=version,
        exchanges=tuple(_known(letters, letter, SETTINGS) for letter in letters.by_letter),
        requests=requests,
        capabilities=("orders", "queries"),
        levels=login_levels(of_operator=has_operator),
        translated=requests - local,
        local=local,
        wanted=WANTED,
        limits=(OfferedLimit("orders_in_one_answer", 100),),
        pushes=Pushes(orders=False, trades=True, replay="query"),
    )


def after_login(
    before: CounterDescription,
    letters: ExchangeLetters,
    greeting: CounterGreeting,
    account: Mapping[str, Any],
    *,
    trading_day: str,
    since: str,
) -> dict[str, Any]:
    """The members that a login changes."""
    registered = account.get("regList")
    rows = [row for row in registered if isinstance(row, dict)] if isinstance(registered, list) else []
    listed = tuple(_exchanges(letters, rows))
    currency = text_of(account, "currencyId")
    return {
        "exchanges": listed or before.exchanges,
        "product": product_of(greeting),
        "trading_day": trading_day,
        "levels": tuple(LoginLevel(level.name, up=True, of_terminal=level.of_terminal) for level in before.levels),
        "currencies": (CURRENCIES.get(currency, currency),) if currency else (),
        "since": since,
    }


def product_of(greeting: CounterGreeting) -> str:
    """Empty before the counter has said anything."""
    return " ".join(filter(None, (greeting.server, greeting.product)))[:100]


def login_levels(
    *, of_operator: bool, connected: bool = False, operator: bool = False, account: bool = False
) -> tuple[LoginLevel, ...]:
    """In many-to-many the connections are the terminals' own, of which one is enough to be up."""
    of_relay = (LoginLevel("operator", up=operator),) if of_operator else ()
    return (
        LoginLevel("connection", up=connected, of_terminal=not of_operator),
        *of_relay,
        LoginLevel("account", up=account, of_terminal=True),
    )


EXPIRY_STAGES = (30, 7, 1)
"""so many days before its end a counter's licence is warned of, each time with an alarm"""


def days_left(greeting: CounterGreeting, today: dt.date) -> int | None:
    """How many days the counter runs on, where they are few; None where they are many, or it says no day."""
    text = greeting.expires
    try:
        until = dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    left = (until - today).days
    return left if left <= max(EXPIRY_STAGES) else None


def _exchanges(letters: ExchangeLetters, rows: Iterable[Mapping[str, Any]]) -> Iterable[Exchange]:
    seen: set[str] = set()
    for row in rows:
        letter = text_of(row, "exchId")[:8]
        if letter and letter not in seen:
            seen.add(letter)
            yield _known(letters, letter, COUNTER)


def _known(letters: ExchangeLetters, letter: str, source: str) -> Exchange:
    code = letters.by_letter.get(letter)
    if code is None:
        return Exchange(UNMAPPED, "未对应的市场 An exchange without a name here", (), letter, source)
    return Exchange(code, EXCHANGE_NAMES.get(code, code), (_FUTURES,), letter, source)
