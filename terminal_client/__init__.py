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

from terminal_client.channel import Tls
from terminal_client.client import RelayTerminal
from terminal_client.collector import Collected, collect
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
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
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
    "CounterRejected",
    "Credentials",
    "DirectTerminal",
    "Farewell",
    "LoginRejected",
    "MarketData",
    "MarketDataNotOffered",
    "NoAnswer",
    "NotConnected",
    "OutcomeUnknown",
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
]
