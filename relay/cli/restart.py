"""`ctp-relay restart --rolling`: the next process takes the port of this one, which is never closed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.exit_codes import ExitCode
from relay.cli.output import AsJson, reporting, say, warn, write_json
from relay.cli.reader import spoken
from relay.database.berth import berths
from relay.doctor.processes import lock_holder
from relay.settings.file import load
from relay.settings.settings import Settings
from relay.succession import outcome_file, start_seconds, why_no_succession

_LOOK_SECONDS = 0.1
_END_SECONDS = 180.0
"""what the old process's end, and the new one's beginning, may take"""


def restart(
    rolling: Annotated[bool, typer.Option("--rolling", help="The only way there is here; it must be named.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Replace the running relay by a new process with the program and settings there are now; its port stays open.

    With PostgreSQL and many_to_many the new one has the port before the old one leaves it, and terminals move within
    relay.drain_seconds without a gap. Else the old one ends when the new one is prepared, which takes its place; terminals log in
    again by themselves, a gap of a second or two. Where the new one does not get ready, the old one goes on and the exit code is 1.
    """
    with reporting():
        settings = load(config)
        why = (
            ""
            if rolling
            else spoken(
                "请写明 --rolling；有间断的重启用 systemctl restart", "name --rolling; with a gap: systemctl restart"
            )
        )
        outcome = _refused(why) if why else _replace(settings)
        done = outcome["state"] == "done"
        if as_json:
            write_json(outcome)
        elif done:
            new, old = outcome["pid"], outcome["asked"]
            say(spoken(f"新进程 {new} 已接替 {old}", f"process {new} has the port of process {old}"))
        else:
            advice = spoken("旧进程继续服务；原因见日志", "the old process goes on; the log says why")
            warn(str(outcome.get("why") or advice))
    if not done:
        raise typer.Exit(ExitCode.REFUSED)


def _replace(settings: Settings) -> dict[str, Any]:
    """What became of it."""
    if why := why_no_succession(settings):
        return _refused(why)
    running = [pid for berth in berths(settings.relay.state_dir) if (pid := lock_holder(berth.lock_file)) is not None]
    if not running:
        return _refused(spoken("没有正在运行的中继", "no relay runs with these settings"))
    if len(running) > 1:
        return _refused(spoken("上一次替换还没有结束", "the last replacement has not ended yet"))
    file = outcome_file(settings)
    file.unlink(missing_ok=True)
    os.kill(running[0], signal.SIGUSR2)
    return _outcome(file, time.monotonic() + start_seconds(settings) + _END_SECONDS)


def _outcome(file: Path, deadline: float) -> dict[str, Any]:
    while time.monotonic() < deadline:
        try:
            outcome: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            outcome = {"state": "begun"}
        if outcome["state"] != "begun":
            return outcome
        time.sleep(_LOOK_SECONDS)
    return _refused(spoken("没有等到结果", "it took too long"))


def _refused(why: str) -> dict[str, Any]:
    return {"state": "refused", "why": why}
