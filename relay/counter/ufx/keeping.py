"""Which tokens are to be used now, so that none dies of silence and no burst is made of it. Pure.

A token dies after five idle minutes. Each is used when it was silent for `seconds`, less a share of its own: logins come in
bursts, after a break all at once, and their tokens would fall due together for ever. Shares are spread evenly by the order in
which tokens came, so that 500 of them fall due over half of the time, and not in one moment.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

_GOLDEN = 0.6180339887498949
_SPREAD = 0.5
"""the part of the time over which they are spread"""


class SilentToken(Protocol):
    """Anything that was used at some time."""

    @property
    def used_at(self) -> float: ...

    @property
    def order(self) -> int:
        """Its place among those that came."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """By the settings."""

    seconds: float

    def due_at(self, token: SilentToken) -> float:
        """When this token is to be used."""
        share = token.order * _GOLDEN % 1.0
        return token.used_at + self.seconds * (1.0 - _SPREAD * share)

    def due(self, tokens: Collection[SilentToken], now: float, look: float = 1.0) -> list[SilentToken]:
        """Those whose time has come, the longest silent first; no more than an even pace has in `look` seconds, the rest next time."""
        found = sorted((token for token in tokens if self.due_at(token) <= now), key=self.due_at)
        most = math.ceil(len(tokens) * look / (self.seconds * _SPREAD))
        return found[:most]
