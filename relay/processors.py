"""On which processors this process runs."""

from __future__ import annotations

import os
from collections.abc import Collection


def stay_on(cpus: Collection[int]) -> None:
    """Run only on these from here on, with every thread and process that is started later; on any where none is named.

    Raises SystemExit where the machine, or the process's control group, has one of them not.
    """
    if not cpus:
        return
    try:
        os.sched_setaffinity(0, cpus)
        lacking = sorted(set(cpus) - os.sched_getaffinity(0))
    except OSError:
        lacking = sorted(cpus)
    if lacking:
        there = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        named = ", ".join(map(str, lacking))
        raise SystemExit(
            f"relay.cpus：本机没有处理器 {named}，可用：{there} / there is no processor {named}; there are {there}"
        )
