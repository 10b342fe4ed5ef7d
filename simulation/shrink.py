"""Makes a plan that breaks a rule smaller, as long as it breaks the same rule.

First the end is cut off behind the act at which the rule broke, then whole terminals and kinds of faults are left out, then
ever smaller parts of the rest, as in delta debugging. It stops when no single act can be left out, or when its time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from simulation.plan import Act

IsBroken = Callable[[Sequence[Act]], bool]


def shrink(plan: Sequence[Act], until: float, is_broken: IsBroken, *, seconds: float) -> list[Act]:
    """The acts that are needed; `until` is the run's time at which the rule broke."""
    search = _Search(is_broken, time.monotonic() + seconds)
    kept = search.less(list(plan), [act for act in plan if act.at <= until])
    for part in ({act.terminal for act in kept}, {act.kind for act in kept}):
        for one in sorted(part, key=str):
            kept = search.less(kept, [act for act in kept if one not in {act.terminal, act.kind}])
    size = max(1, len(kept) // 2)
    while not search.is_over:
        before = len(kept)
        for begin in reversed(range(0, len(kept), size)):
            kept = search.less(kept, kept[:begin] + kept[begin + size :])
        if size == 1 and len(kept) == before:
            break
        size = max(1, min(size // 2, len(kept) // 2)) if len(kept) == before else size
    return kept


class _Search:
    def __init__(self, is_broken: IsBroken, deadline: float) -> None:
        self._is_broken, self._deadline = is_broken, deadline

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def less(self, kept: list[Act], tried: list[Act]) -> list[Act]:
        """The smaller plan, where it breaks the rule too."""
        if self.is_over or len(tried) == len(kept):
            return kept
        return tried if self._is_broken(tried) else kept
