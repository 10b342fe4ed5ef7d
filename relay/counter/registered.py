"""What the counter has registered with the relay: kept, and in the log when it is new."""

from __future__ import annotations

from dataclasses import replace

import structlog

from relay.counter.port import CounterDescription, Exchange

_log = structlog.get_logger(__name__)


class RegisteredCounter:
    """A `port.CounterContext`; in many-to-many every session registers, and the latest stands."""

    def __init__(self, description: CounterDescription) -> None:
        """`description` is what is known before the first connection."""
        self.description = description

    def register(self, description: CounterDescription) -> None:
        """See `port.CounterContext`."""
        before, self.description = self.description, description
        if description == replace(before, since=description.since, seconds_ahead=description.seconds_ahead):
            return
        _log.info(
            "counter_registered",
            system=description.system,
            version=description.version,
            exchanges={_both(one): [board.code for board in one.boards] for one in description.exchanges},
            capabilities=description.capabilities,
        )


def _both(one: Exchange) -> str:
    return f"{one.code}({one.native_code})" if one.native_code else one.code
