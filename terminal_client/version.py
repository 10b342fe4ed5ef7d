"""What this client calls itself towards the relay."""

from __future__ import annotations

import importlib.metadata

DISTRIBUTION = "ctp-relay-terminal"


def client_version() -> str:
    """Free text for the relay's ledger and log."""
    try:
        return f"ctp-terminal {importlib.metadata.version(DISTRIBUTION)} (Python)"
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return "ctp-terminal (Python)"
