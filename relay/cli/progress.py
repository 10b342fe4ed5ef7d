"""How far long work is, on a terminal; nothing where standard error is a file or a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS = 0.2


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None] | None]:
    """Gives what is to be called with how many more are done; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    done, shown_at = 0, time.monotonic()

    def more(count: int) -> None:
        nonlocal done, shown_at
        done += count
        if time.monotonic() - shown_at >= _SECONDS:
            shown_at = time.monotonic()
            sys.stderr.write(f"\r{done:,} {what}")
            sys.stderr.flush()

    try:
        yield more
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
