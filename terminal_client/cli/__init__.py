"""`ctp-terminal`: the command line. It parses what is typed, and prints what came of it."""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """The command; where its packages are not installed, it says which extra brings them."""
    try:
        importlib.import_module("terminal_client.cli.app").app()
    except ModuleNotFoundError as missing:
        if missing.name not in {"rich", "typer"}:
            raise
        sys.exit(f"ctp-terminal: {missing.name} is not installed: pip install 'ctp-relay-terminal[cli]'")
