"""docs/settings.md and relay.example.toml: the settings as `ctp-relay settings` writes them."""

from __future__ import annotations

from pathlib import Path

from codegen.pages import NOTE, marked
from relay.settings.text import example, markdown


def files() -> dict[Path, str]:
    """The reference page and the example."""
    return {
        Path("docs/settings.md"): marked(markdown()),
        Path("relay.example.toml"): f"# {NOTE} Edit a copy.\n{example()}",
    }
