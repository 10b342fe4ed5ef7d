"""The drop-in libraries, and a counter to script, as the libraries' own tests have them."""

from __future__ import annotations

from tests.ctpabi.shim.conftest import catalog, scripted, shim, start

__all__ = ["catalog", "scripted", "shim", "start"]
