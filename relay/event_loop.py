"""Which event loop the process runs on: uvloop's where it is installed, asyncio's own otherwise."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import structlog

_log = structlog.get_logger(__name__)
EXTRA: Final = "pip install 'ctp-relay[uvloop]'"


def settle_heap() -> None:
    """Leave what is there by now out of every later garbage collection: looking at all of it takes 50 ms and more."""
    gc.collect()
    gc.freeze()


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run until it returns."""
    if find_spec("uvloop") is None:
        _log.warning("uvloop_not_installed", advice=f"orders take longer on asyncio's own loop; to have it: {EXTRA}")
        asyncio.run(main)
    else:
        import_module("uvloop").run(main)
