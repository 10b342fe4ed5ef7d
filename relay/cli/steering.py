"""Commands that steer the running relay: logins, counter, operator, log level, settings in force, reload, drain."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ctprelay.v1 import admin_pb2 as pb
from relay.admin_client import DEADLINE_SECONDS
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, asking
from relay.cli.exit_codes import EPILOG, ExitCode
from relay.cli.output import AsJson, reporting, say, show, warn, write_json
from relay.cli.reader import reader_here, spoken
from relay.cli.running_relay import ask
from relay.settings.file import load

_RELOAD_SECONDS = 60.0
_RELOADED = {"applied": "已生效", "needs_restart": "重启后生效", "read_again": "已重新读取"}
logins_app = typer.Typer(no_args_is_help=True, help="New logins at the running relay.", epilog=EPILOG)
operator_app = typer.Typer(no_args_is_help=True, help="The operator of many_to_one.", epilog=EPILOG)
counter_app = typer.Typer(no_args_is_help=True, help="The running relay's sessions at the counter.", epilog=EPILOG)
log_app = typer.Typer(no_args_is_help=True, help="The running relay's log.", epilog=EPILOG)


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@logins_app.command(epilog="Example: ctp-relay logins pause --reason 'counter maintenance' --public '柜台维护至 20:00'")
def pause(
    reason: Reason = None,
    public: Annotated[str, typer.Option(help="What refused terminals get to read; nothing where left out.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Refuse new logins until `logins resume`; who is logged in goes on and may resume.

    It survives a reload, not a restart. /readyz answers 503 meanwhile, so that terminals go to another relay.
    """
    with reporting():
        request = pb.PauseLoginsRequest(public_reason=public, asking=asking(reason))
        answer = _ask(config, lambda relay, timeout: relay.PauseLogins(request, timeout=timeout)).paused
        _tell(
            {"paused": True, "since": answer.since, "by": answer.by},
            spoken("已暂停登录", "logins are paused"),
            as_json=as_json,
        )


@logins_app.command("resume", epilog="Example: ctp-relay logins resume --reason 'maintenance is over'")
def resume(reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Let terminals log in again."""
    with reporting():
        request = pb.ResumeLoginsRequest(asking=asking(reason))
        were = _ask(config, lambda relay, timeout: relay.ResumeLogins(request, timeout=timeout)).were_paused
        said = spoken("终端可以登录了", "terminals may log in again")
        said = said if were else spoken("登录本来就没有暂停", "logins were not paused")
        _tell({"paused": False, "were_paused": were}, said, as_json=as_json)


@operator_app.command("reconnect", epilog="Example: ctp-relay operator reconnect --reason 'password replaced'")
def operator_reconnect(reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Read the operator's password file again and log in anew, whatever the operator waited for.

    Terminals stay logged in at the relay and wait meanwhile.
    """
    with reporting():
        request = pb.ReconnectOperatorRequest(asking=asking(reason))
        _ask(config, lambda relay, timeout: relay.ReconnectOperator(request, timeout=timeout))
        said = spoken("操作员重新登录，结果见 ctp-relay status", "the operator logs in anew: see ctp-relay status")
        _tell({"reconnecting": 1}, said, as_json=as_json)


@counter_app.command("reconnect", epilog="Example: ctp-relay counter reconnect --reason 'line was switched'")
def counter_reconnect(reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Replace every session at the counter by a new one; terminals stay logged in at the relay and wait meanwhile."""
    with reporting():
        request = pb.ReconnectCounterRequest(asking=asking(reason))
        sessions = _ask(config, lambda relay, timeout: relay.ReconnectCounter(request, timeout=timeout)).sessions
        said = spoken(f"重新连接的柜台会话：{sessions}", f"sessions that connect anew: {sessions}")
        _tell({"reconnecting": sessions}, said, as_json=as_json)


@log_app.command("level", epilog="Example: ctp-relay log level debug --reason 'looking for slow logins'")
def level(
    wanted: Annotated[Level, typer.Argument(help="Least level that is written.", show_default=False)],
    reason: Reason = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Change what is logged, until the relay restarts or a reload brings another log.level."""
    with reporting():
        request = pb.SetLogLevelRequest(level=wanted.value, asking=asking(reason))
        answer = _ask(config, lambda relay, timeout: relay.SetLogLevel(request, timeout=timeout))
        _tell({"before": answer.before, "now": answer.now}, f"{answer.before} → {answer.now}", as_json=as_json)


def drain(reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Stop the running relay as SIGTERM does: no new logins, and what is left ends after relay.drain_seconds.

    It cannot be taken back. A supervisor may start the relay again.
    """
    with reporting():
        request = pb.DrainRequest(asking=asking(reason))
        answer = _ask(config, lambda relay, timeout: relay.Drain(request, timeout=timeout))
        said = spoken(
            f"正在停止：{answer.sessions} 个会话，最迟 {answer.seconds:g} 秒后结束",
            f"draining: {answer.sessions} sessions, which end within {answer.seconds:g} s",
        )
        _tell({"sessions": answer.sessions, "seconds": answer.seconds}, said, as_json=as_json)


def reload(reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Let the running relay read its settings and the files they name again, as SIGHUP does; it never ends by that.

    Says what is in force now and what waits for a restart. Exit code 1 where something could not be taken.
    """
    with reporting():
        request = pb.ReloadRequest(asking=asking(reason))
        answer = ask(load(config), lambda relay: relay.Reload(request, timeout=_RELOAD_SECONDS))
        problems = [{"key": one.key, "why": one.why} for one in answer.problems]
        rows = {"applied": list(answer.applied), "needs_restart": list(answer.needs_restart)}
        if as_json or not sys.stdout.isatty():
            write_json(rows | {"read_again": list(answer.read_again), "problems": problems})
        else:
            for name, keys in (rows | {"read_again": list(answer.read_again)}).items():
                none = spoken("无", "none")
                say(f"{spoken(_RELOADED[name], name.replace('_', ' '))}{spoken('：', ': ')}{', '.join(keys) or none}")
        for problem in problems:
            warn(f"{problem['key'] or spoken('设置文件', 'settings')}: {problem['why']}")
    if problems:
        raise typer.Exit(ExitCode.REFUSED)


def show_running_settings(config: Path, *, as_json: bool) -> None:
    """The settings in force in the running relay."""
    request = pb.GetRunningSettingsRequest()
    answer = _ask(config, lambda relay, timeout: relay.GetRunningSettings(request, timeout=timeout))
    if as_json or not sys.stdout.isatty():
        write_json(
            [
                {
                    "key": one.key,
                    "value": json.loads(one.value),
                    "needs_restart": one.needs_restart,
                    "reloadable": one.reloadable,
                }
                for one in answer.settings
            ]
        )
        return
    reader = reader_here()
    rows: list[dict[str, object]] = [
        {
            "key": one.key,
            "value": one.value,
            "when changed": reader("重新读取", "reload") if one.reloadable else reader("重启", "restart"),
            "waits": reader("是", "for a restart") if one.needs_restart else "",
        }
        for one in answer.settings
    ]
    show("settings in force", rows, as_json=False)


def _ask(config: Path, question: Callable[[Any, float], Any]) -> Any:
    return ask(load(config), lambda relay: question(relay, DEADLINE_SECONDS))


def _tell(row: dict[str, object], said: str, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        write_json(row)
    else:
        say(said)
