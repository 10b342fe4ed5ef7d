"""The two places that processes of one state directory can have: what a process keeps for itself alone is in its berth.

A process has one berth. A second one is there so that the next generation can begin while the last one still serves
(`succession`); it is used for that and for nothing else. Everything else of the state directory (keys, seals, sockets)
belongs to both. A process that ends leaves its order map and what its ledger could not write yet; the next one
without a predecessor takes the berth that was used last, and finds them.
"""

from __future__ import annotations

import contextlib
import errno
from dataclasses import dataclass
from pathlib import Path

from relay.database.state_lock import AlreadyRunning, StateLock

LOCK = "relay.lock"
_SECOND = "second"


@dataclass(frozen=True, slots=True)
class Berth:
    directory: Path

    @property
    def lock_file(self) -> Path:
        return self.directory / LOCK

    @property
    def order_map(self) -> Path:
        return self.directory / "order_map"

    def spool(self, chain: str) -> Path:
        """Where entries of this chain wait for the database."""
        return self.directory / "ledger_spool" / f"{chain}.jsonl"


@dataclass(frozen=True, slots=True)
class TakenBerth:
    own: Berth
    other: Berth
    lock: StateLock
    other_is_used: bool
    """by a process that still drains"""


def berths(state_dir: Path) -> tuple[Berth, Berth]:
    return Berth(state_dir), Berth(state_dir / _SECOND)


def take_berth(
    state_dir: Path, *, succeeds: bool, stack: contextlib.ExitStack | contextlib.AsyncExitStack
) -> TakenBerth:
    """Have a berth until the stack closes. Raises AlreadyRunning, and OSError where one cannot be locked.

    Who `succeeds` another process takes the one that is free; who does not wants both to be free.
    """
    what = f"the state directory {state_dir}"
    there = berths(state_dir)
    last_used = sorted(there, key=_used_at, reverse=True)
    with contextlib.ExitStack() as looked_at:
        held: list[tuple[Berth, StateLock]] = []
        for berth in last_used:
            berth.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                held.append((berth, looked_at.enter_context(StateLock(berth.lock_file, what))))
            except AlreadyRunning:
                if not succeeds:
                    raise
        if not held:
            raise AlreadyRunning(f"{what}, beside one that still drains")
        own, lock = held[0]
        for _, unused in held[1:]:
            unused.release()
        looked_at.pop_all()
    stack.enter_context(lock)
    other = next(berth for berth in there if berth != own)
    return TakenBerth(own, other, lock, other_is_used=len(held) == 1)


def _used_at(berth: Berth) -> float:
    try:
        return berth.lock_file.stat().st_mtime
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return 0.0
