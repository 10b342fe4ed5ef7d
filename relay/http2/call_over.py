"""What ends the work for a call; a module of its own, because mypyc compiles no class below ConnectionError."""

from __future__ import annotations


class CallOver(ConnectionError):
    """The terminal has ended the call, or its connection is gone."""
