"""CPU time of processes, and how much of the machine's went to processes that are none of the benchmark's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

MOST_FOREIGN = 0.15
"""of the machine: what is measured while others take more is thrown away"""
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE, _IOWAIT, _STEAL = 3, 4, 7


T = TypeVar("T")


def quietest(made: Sequence[T], wanted: int, foreign: Callable[[T], float]) -> list[T]:
    """Those in which others took little; where they are too few, the `wanted` in which they took least."""
    kept = [one for one in made if foreign(one) <= MOST_FOREIGN]
    return kept if len(kept) >= wanted else sorted(made, key=foreign)[:wanted]


def cpu_seconds(pid: int) -> float:
    """Of the process and all its threads, to the nanosecond; 0 where it is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the kernel's number for a process's CPU clock
    except OSError:
        return 0.0


def thread_seconds(pid: int, name: str) -> float:
    """CPU of the process's threads of this name, those that have ended left out."""
    spent = 0
    for place in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (place / "comm").read_text().strip() == name:
                spent += int((place / "schedstat").read_text().split()[0])
        except OSError:
            continue  # it has just ended
    return spent / 1e9


def family(pid: int) -> list[int]:
    """The process, its children and theirs."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            parents.setdefault(int(fields[1]), []).append(int(place.name))
    found = [pid]
    for one in found:  # it grows while it is walked
        found += parents.get(one, [])
    return found


class ForeignCpu:
    """From its making to `share`: what others took of all cores, 0 to 1, the hypervisor's neighbours among them."""

    def __init__(self, ours: Iterable[int]) -> None:
        self._ours = list(ours)
        self._began, self._busy, self._own = time.perf_counter(), _busy_seconds(), self._own_seconds()

    def share(self) -> float:
        took = _busy_seconds() - self._busy - (self._own_seconds() - self._own)
        there = (time.perf_counter() - self._began) * (os.cpu_count() or 1)
        return max(0.0, took / there)

    def _own_seconds(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._ours)


def _busy_seconds() -> float:
    """Of all cores, since the machine started."""
    with Path("/proc/stat").open() as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    return (sum(fields[: _STEAL + 1]) - fields[_IDLE] - fields[_IOWAIT]) / _TICKS
