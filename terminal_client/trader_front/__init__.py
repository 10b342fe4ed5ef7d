"""A CTP trader front in the caller's process, behind which a relay stands: for programs written for the vendor's trader API.

`TraderFront` takes what the vendor's API takes (method, struct bytes in the catalog's C layout, request id) and gives
what the vendor's Spi is given (`ctpabi.api.spi.RawEvent`), so that a drop-in for any language needs no more than its
own types around it. Its methods are those of `ctpabi.api.trader.TraderApi`.

* `front`     the front, for callers on any thread: return codes, and the two threads below it
* `life`      what the loop's thread does: reach the relay, log in, lose the session, begin again
* `answers`   which callback answers what: request ids, refusals as CTP gives them, the topics (no I/O)
* `records`   struct bytes by name: events, echoes, the answers that are made here (no I/O)
* `error_ids` the ErrorID and text of a refusal of the relay's (no I/O)
* `market`    the same for the vendor's market data API; `sessions` is what it has of a trader front's
* `settings`  the terminal's settings, from a TOML file or the environment
* `callbacks` the thread on which the callbacks run
"""

from __future__ import annotations

from terminal_client.trader_front.front import TraderFront
from terminal_client.trader_front.market import MarketFront
from terminal_client.trader_front.settings import (
    FrontSettings,
    ResumeType,
    SettingsUnusable,
    is_relay_front,
    read_settings,
)

__all__ = [
    "FrontSettings",
    "MarketFront",
    "ResumeType",
    "SettingsUnusable",
    "TraderFront",
    "is_relay_front",
    "read_settings",
]
