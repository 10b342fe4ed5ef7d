"""What a program wants of which instruments, and what the relay said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ctprelay.v1 import market_pb2 as pb
from terminal_client.errors import Refusal
from terminal_client.translation import refusal_of

Feed: TypeAlias = "pb.Feed"
IN_ONE_MESSAGE = 1000
"""instruments; the relay takes 2,000"""


@dataclass(slots=True)
class Subscribed:
    """Of every feed the instruments that are wanted, in the order in which they were asked for."""

    wanted: dict[Feed, dict[str, None]] = field(default_factory=lambda: {pb.FEED_DEPTH: {}, pb.FEED_QUOTE_REQUESTS: {}})
    refused: dict[tuple[Feed, str], Refusal] = field(default_factory=dict)
    """what the relay did not subscribe; it is not wanted any more until it is asked for again"""

    def want(self, feed: Feed, instrument_ids: Iterable[str], *, unsubscribe: bool) -> list[str]:
        """Note what is asked for; each instrument once."""
        names = list(dict.fromkeys(instrument_ids))
        for name in names:
            self.refused.pop((feed, name), None)
            if unsubscribe:
                self.wanted[feed].pop(name, None)
            else:
                self.wanted[feed][name] = None
        return names

    def answered(self, feed: Feed, answer: pb.SubscriptionsChanged) -> None:
        """Take one answer of the relay."""
        for one in answer.refused:
            self.refused[feed, one.instrument_id] = refusal_of(one.rejected)
            self.wanted[feed].pop(one.instrument_id, None)

    def refusals(self, feed: Feed, names: Iterable[str]) -> dict[str, Refusal]:
        """Which of these the relay refused."""
        return {name: self.refused[feed, name] for name in names if (feed, name) in self.refused}

    def all_wanted(self) -> Iterator[tuple[Feed, list[str]]]:
        """Everything, in lists as long as one message may have them."""
        for feed, names in self.wanted.items():
            for part in parts(list(names)):
                yield feed, part


def parts(names: list[str]) -> Iterator[list[str]]:
    """The names in lists as long as one message may have them."""
    for start in range(0, len(names), IN_ONE_MESSAGE):
        yield names[start : start + IN_ONE_MESSAGE]
