"""Who is given a push: one terminal of each desk of its account, since a desk says it to all of its terminals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from relay.counter.ufx.replies import UfxRow


class PushHearer(Protocol):
    """A terminal's account."""

    @property
    def live(self) -> bool:
        """Whether it can ask."""

    def heard(self, row: UfxRow) -> None:
        """A push of its account."""

    def missed(self, operator_no: str) -> None:
        """Pushes of this operator, or with "" of any, may have been lost: the day is to be read again."""


class PushHearers:
    """By account and desk, so that a push costs the same with one terminal and with a thousand."""

    def __init__(self) -> None:
        self._by_account: dict[str, dict[str, list[PushHearer]]] = {}

    def add(self, account_code: str, desk: str, hearer: PushHearer) -> None:
        """Idempotent; `desk` is the investor's."""
        same = self._by_account.setdefault(account_code, {}).setdefault(desk, [])
        if hearer not in same:
            same.append(hearer)

    def remove(self, account_code: str, desk: str, hearer: PushHearer) -> None:
        """Idempotent."""
        desks = self._by_account.get(account_code, {})
        same = desks.get(desk, [])
        if hearer in same:
            same.remove(hearer)
        if desk in desks and not same:
            del desks[desk]
        if not desks:
            self._by_account.pop(account_code, None)

    def of(self, account_code: str) -> list[PushHearer]:
        """One for each desk."""
        return [_one(same) for same in self._by_account.get(account_code, {}).values()]

    def __iter__(self) -> Iterator[PushHearer]:
        """One for each desk of every account."""
        return iter([_one(same) for desks in self._by_account.values() for same in desks.values()])


def _one(same: list[PushHearer]) -> PushHearer:
    return next((hearer for hearer in same if hearer.live), same[0])
