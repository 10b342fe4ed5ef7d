"""Which event loop the process runs on: uvloop's where it is installed, asyncio's own otherwise.

In asyncio's debug mode uvloop keeps the stack of every callback. Walking stacks that begin in compiled code, as gRPC's do,
can end or hang the process (MagicStack/uvloop#611, #706, #730), so in that mode asyncio's own loop is used.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import structlog

_log = structlog.get_logger(__name__)
EXTRA: Final = "pip install 'ctp-relay[uvloop]'"
_SWITCH_SECONDS: Final = 0.0005
"""how long the loop waits at most for a thread that computes to give the interpreter back; Python's own is ten times that"""
_COLLECTIONS: Final = 2_000, 4, 100
"""After how many new objects the youngest are looked at, after how many such times those before them, and after how many of
those times all. Looking at an object takes up to a microsecond, and nothing else is done meanwhile: a millisecond or two for
the youngest, some eight for the next, as with Python's own 700 and 10. But its 10 for all would be after 70,000 new objects,
which three hundred logins leave, and with a thousand sessions that is half a second."""


def settle_heap() -> None:
    """Leave what is there by now out of every later garbage collection: looking at all of it takes 50 ms and more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTIONS)


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run until it returns."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    if find_spec("uvloop") is None:
        _log.warning("uvloop_not_installed", advice=f"orders take longer on asyncio's own loop; to have it: {EXTRA}")
        asyncio.run(main)
    elif _debugging():
        _log.warning("uvloop_not_used", advice="unset PYTHONASYNCIODEBUG: with uvloop it could end or hang the process")
        asyncio.run(main)
    else:
        import_module("uvloop").run(main)


def _debugging() -> bool:
    """Whether asyncio would run in its debug mode."""
    return sys.flags.dev_mode or bool(os.environ.get("PYTHONASYNCIODEBUG"))
