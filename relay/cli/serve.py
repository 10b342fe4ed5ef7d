"""`ctp-relay serve`: run the relay."""

from __future__ import annotations

import importlib
import os
from typing import Annotated, Any

import typer

from ctpabi.later_commands import importing
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.output import reporting
from relay.compiled import choice
from relay.settings.file import load
from relay.stop_signals import SUCCEEDS

_WORKERS = "CTP_RELAY__RELAY__WORKERS"


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Serve with so many processes, whatever relay.workers says.", show_default=False
        ),
    ] = None,
) -> None:
    """Run the relay until a signal stops it (SIGTERM drains, a second one stops at once).

    With several workers this process supervises them: it serves no terminal itself.

    It does not start where `ctp-relay doctor` finds something grave that would keep it from serving.
    """
    if workers is not None:
        os.environ[_WORKERS] = str(workers)  # as if it stood in the settings, for the workers too
    with reporting():
        settings = load(config)
        choice.choose(settings)  # before the first module of the order path is imported, as these bring some along
    workplace, doctor = (importlib.import_module(f"relay.cli.{name}") for name in ("workplace", "doctor"))
    with workplace.reporting_stores():
        note = doctor.look_before_serving(settings, replaces=SUCCEEDS in os.environ)
        if settings.relay.workers > 1:
            _part("relay.workers.supervisor").run(settings, config, lambda: load(config), note)
        else:
            _part("relay.server").run(settings, lambda: load(config), note)


def _part(name: str) -> Any:
    """What runs is loaded when the settings are right: it brings the vendor's library along."""
    with importing():
        return importlib.import_module(name)
