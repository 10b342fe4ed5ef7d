"""A ledger for tests: keeps what is recorded, can be away, and can be slow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.refusals.refusal import LedgerUnavailable


@dataclass
class KeptEvidence:
    """`relay.counter.port.Evidence` in memory."""

    entries: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    available: bool = True
    refused: set[str] = field(default_factory=set)
    """kinds of entries that cannot be written"""
    open: asyncio.Event | None = None
    """when set to an event, nothing is committed before it"""

    async def record(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        if self.open is not None:
            await self.open.wait()
        if not self.available or kind in self.refused:
            raise LedgerUnavailable("the disk is full")
        self.entries.append((kind, session, dict(data)))

    async def note(self, kind: str, session: str, data: Mapping[str, object]) -> None:
        if self.open is not None:
            await self.open.wait()
        self.entries.append((kind, session, dict(data)))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.entries]

    def data(self, kind: str) -> dict[str, object]:
        """Of the only entry of this kind."""
        (found,) = [data for name, _, data in self.entries if name == kind]
        return found
