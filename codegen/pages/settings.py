"""docs/settings.md, its Chinese page and relay.example.toml: the settings as `ctp-relay settings` writes them."""

from __future__ import annotations

from pathlib import Path

from codegen.pages import NOTE, marked
from relay.settings.text import example, markdown
from relay.settings.wording import settings_wording


def files() -> dict[Path, str]:
    """The reference page in each language, and the example in both: it is found where no locale says who reads it."""
    chinese = settings_wording(chinese=True)
    both = (chinese, settings_wording(chinese=False))
    return {
        Path("docs/settings.md"): marked(markdown()),
        Path("docs/settings.zh.md"): marked(markdown(chinese)),
        Path("relay.example.toml"): f"# {NOTE} Edit a copy.\n{example(words=both)}",
    }
