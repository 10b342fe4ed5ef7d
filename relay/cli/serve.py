"""`ctp-relay serve`: run the relay."""

from __future__ import annotations

import importlib
from typing import Any

from ctpabi.later_commands import importing
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.doctor import look_before_serving
from relay.cli.workplace import reporting_stores
from relay.settings.file import load


def serve(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run the relay until a signal stops it (SIGTERM drains, a second one stops at once).

    It does not start where `ctp-relay doctor` finds something grave that would keep it from serving.
    """
    with reporting_stores():
        settings = load(config)
        note = look_before_serving(settings)
        _part("relay.server").run(settings, lambda: load(config), note)


def _part(name: str) -> Any:
    """What runs is loaded when the settings are right: it brings the vendor's library along."""
    with importing():
        return importlib.import_module(name)
