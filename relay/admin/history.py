"""What the ledger says of one investor or terminal: the read itself is an entry, because it hands out personal data.

One entry a minute for each account and question: a page that is looked through again and again is one read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlalchemy import Engine

from relay.admin.changes import Changes, Clock
from relay.admin.person import Person
from relay.ledger import history
from relay.ledger.chain import Entry
from relay.ledger.history import HistoryAsked, PageTurn

_AGAIN_SECONDS = 60.0
_MOST_REMEMBERED = 1024


class HistoryReads:
    """Blocks; thread-safe. Every method raises as `Changes.check` does, LedgerUnavailable."""

    def __init__(self, ledger: Engine, changes: Changes, clock: Clock) -> None:
        self._ledger = ledger
        self._changes = changes
        self._clock = clock
        self._recent: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self, by: Person, asked: HistoryAsked, *, after: PageTurn | None = None, most: int = 100
    ) -> tuple[list[Entry], PageTurn | None]:
        """Entries, newest first, and where the next page goes on."""
        facts = {
            "investor_id": asked.investor_id,
            "app_id": asked.app_id,
            "about": asked.about,
            "session": asked.session,
            "chain": asked.chain,
        }
        self._note(by, {name: value for name, value in facts.items() if value})
        return history.page(self._ledger, asked, after=after, most=most)

    def entry(self, by: Person, chain: str, sequence: int) -> Entry | None:
        """One entry; None where there is none."""
        self._note(by, {"chain": chain, "sequence": str(sequence)})
        return history.entry(self._ledger, chain, sequence)

    def _note(self, by: Person, facts: dict[str, str]) -> None:
        key = (by.by, by.account, by.role.value, *facts.keys(), *facts.values())
        now = self._clock().timestamp()
        with self._lock:
            if now - self._recent.get(key, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
                return
        self._changes.record(by, "history", facts)
        with self._lock:
            self._recent[key] = now
            self._recent.move_to_end(key)
            while len(self._recent) > _MOST_REMEMBERED:
                self._recent.popitem(last=False)
