"""What the terminal's wheel holds: this package, and what lies beside it in the repository.

hatchling runs it; it is in no wheel. An editable install packs nothing: it finds the packages where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ONLY_TO_BUILD = {"__pycache__", "hatch_build.py", "pyproject.toml"}


class Contents(BuildHookInterface[Any]):
    """Source and place in the wheel of everything that is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is written; `version` is hatchling's word for the kind of build."""
        if version == "editable":
            return
        package = {name.name for name in Path(self.root).iterdir()} - ONLY_TO_BUILD
        licenses = f"ctp_relay_terminal-{self.metadata.version}.dist-info/licenses"
        build_data["force_include"] |= {
            **{name: f"terminal_client/{name}" for name in package},
            "../ctpabi": "ctpabi",
            "../proto/ctprelay": "ctprelay",
            **{f"../{name}": f"{licenses}/{name}" for name in ("LICENSE", "NOTICE")},
        }
