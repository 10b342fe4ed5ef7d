"""A gateway of vn.py (VeighNa) that trades through a CTP relay.

* `gateway`        what vn.py loads: `from vnpy_relay import RelayGateway`
* `settings`       what a user fills in before connecting
* `session`, `session_thread`, `inquiry`, `orders_sent`  one login and what goes on in it, without vn.py
* `reach`          why the relay is not reached, for its user
* `blotter`        which order and trade is news
* `market`, `quotes`  ticks, over every reconnect
* `names`          what orders and trades are called
* `orders`, `holdings`  tables between vn.py's objects and CTP's

Imports vn.py and the terminal's client, never the relay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vnpy_relay.gateway import RelayGateway

__all__ = ["RelayGateway"]


def __getattr__(name: str) -> Any:
    """Load vn.py when the gateway is asked for: what is below it works and is tested without."""
    if name != "RelayGateway":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vnpy_relay.gateway import RelayGateway  # noqa: PLC0415 — see above

    return RelayGateway
