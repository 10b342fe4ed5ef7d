"""Adds the terminal's distribution to what the server's wheel asks for.

hatchling runs it; it is in no wheel. `pip install .` takes the terminal from the folder beside. CTP_RELAY_TERMINAL_PIN, such as `==1.2.0`,
says which version to ask an index for instead; empty, it asks for any. A source archive, which has a PKG-INFO, asks for its own version.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Terminal(BuildHookInterface[Any]):
    """The one dependency whose form depends on where the wheel is for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Before the wheel is written."""
        archive = Path(self.root, "PKG-INFO").is_file()
        own = f"=={self.metadata.version}" if archive else f" @ {Path(self.root, 'terminal_client').as_uri()}"
        pin = os.environ.get("CTP_RELAY_TERMINAL_PIN", own)
        build_data["dependencies"].append(f"ctp-relay-terminal[cli,ctp]{pin}")
