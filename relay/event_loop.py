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


_NEW_OBJECTS: Final = 10_000
"""between two collections of the youngest; Python's own 700 are less than two logins make, and most of what they look at stays"""


def settle_heap() -> None:
    """Leave what is there by now out of every later garbage collection: looking at all of it takes 50 ms and more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run until it returns."""
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
