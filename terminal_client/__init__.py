"""The terminal's side of the relay: what a terminal vendor integrates in an afternoon.

* `collect`        runs the vendor's CTP_GetSystemInfo in a child process (`collector`)
* `RelayTerminal`  one terminal session at the relay, for asyncio programs (`client`)
* `SyncTerminal`   the same with ordinary blocking calls (`sync`)
* `MarketData`     ticks at the relay, from `RelayTerminal.market_data()` (`market`)
* `DirectTerminal` the same straight to a front, without a relay (`direct`)
* `trader_front`   a front for programs of the vendor's trader API, as bytes of structs, for drop-ins (`trader_front`)
* `ctp-terminal`   the command line program (`cli`); its `exec` runs unmodified CTP programs at the relay (`exec`)

Below them: `errors` (everything that can go wrong), `dispatch` (which answer belongs to which request),
`subscriptions` (bounded notice queues), `conversation` (hello, challenge, login or resume on a stream),
`channel` (TLS), `proof` (the auth code's proof). Imports `ctpabi` and the generated messages, never the relay.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terminal_client.channel import Tls
    from terminal_client.client import RelayTerminal
    from terminal_client.collector import Collected, collect
    from terminal_client.collectors import Collectors, collectors_of
    from terminal_client.direct.terminal import DirectTerminal
    from terminal_client.dispatch import Reply
    from terminal_client.errors import (
        CallFailed,
        CallNotSent,
        CallRefused,
        CollectorFailed,
        CounterRejected,
        LoginRejected,
        MarketDataNotOffered,
        NativeWords,
        NoAnswer,
        NotConnected,
        OutcomeUnknown,
        PasswordNotProvable,
        Refusal,
        SessionEnded,
        SlowConsumer,
        TerminalError,
    )
    from terminal_client.farewells import Farewell
    from terminal_client.market.market_data import MarketData
    from terminal_client.market.ticks import Tick
    from terminal_client.session import Credentials, SessionInfo, State, Status
    from terminal_client.sync import SyncTerminal

__all__ = [
    "CallFailed",
    "CallNotSent",
    "CallRefused",
    "Collected",
    "CollectorFailed",
    "Collectors",
    "CounterRejected",
    "Credentials",
    "DirectTerminal",
    "Farewell",
    "LoginRejected",
    "MarketData",
    "MarketDataNotOffered",
    "NativeWords",
    "NoAnswer",
    "NotConnected",
    "OutcomeUnknown",
    "PasswordNotProvable",
    "Refusal",
    "RelayTerminal",
    "Reply",
    "SessionEnded",
    "SessionInfo",
    "SlowConsumer",
    "State",
    "Status",
    "SyncTerminal",
    "TerminalError",
    "Tick",
    "Tls",
    "collect",
    "collectors_of",
]

if not TYPE_CHECKING:
    _PLACES = {
        "CallFailed": "terminal_client.errors",
        "CallNotSent": "terminal_client.errors",
        "CallRefused": "terminal_client.errors",
        "Collected": "terminal_client.collector",
        "CollectorFailed": "terminal_client.errors",
        "Collectors": "terminal_client.collectors",
        "CounterRejected": "terminal_client.errors",
        "Credentials": "terminal_client.session",
        "DirectTerminal": "terminal_client.direct.terminal",
        "Farewell": "terminal_client.farewells",
        "LoginRejected": "terminal_client.errors",
        "MarketData": "terminal_client.market.market_data",
        "MarketDataNotOffered": "terminal_client.errors",
        "NativeWords": "terminal_client.errors",
        "NoAnswer": "terminal_client.errors",
        "NotConnected": "terminal_client.errors",
        "PasswordNotProvable": "terminal_client.errors",
        "OutcomeUnknown": "terminal_client.errors",
        "Refusal": "terminal_client.errors",
        "RelayTerminal": "terminal_client.client",
        "Reply": "terminal_client.dispatch",
        "SessionEnded": "terminal_client.errors",
        "SessionInfo": "terminal_client.session",
        "SlowConsumer": "terminal_client.errors",
        "State": "terminal_client.session",
        "Status": "terminal_client.session",
        "SyncTerminal": "terminal_client.sync",
        "TerminalError": "terminal_client.errors",
        "Tick": "terminal_client.market.ticks",
        "Tls": "terminal_client.channel",
        "collect": "terminal_client.collector",
        "collectors_of": "terminal_client.collectors",
    }

    def __getattr__(name: str) -> object:
        """A name of this package, imported when it is first asked for: who only collects needs no gRPC."""
        place = _PLACES.get(name)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(place), name)
        return value

    def __dir__() -> list[str]:
        return [*globals(), *_PLACES]
