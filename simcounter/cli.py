"""`ctp-simcounter`: run a counter, trade offline on it, read its day's report, make it misbehave."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer
from rich.console import Console

from ctpabi.command_completion import completion_command
from ctpabi.locale import LocaleMissing
from ctpabi.outside_text import harmless_json
from ctpabi.shim.build import BuildFailed, CompilerMissing
from ctpabi.shim.build import build as build_shim
from ctpabi.shim.substitute import BindingMissing
from simcounter import demo_accounts
from simcounter.config import CounterConfig, SettingsError, load_config, paced_config, with_known_positions
from simcounter.control_server import send_command, texts_of
from simcounter.exec import run_program
from simcounter.serving import introduction, key_beside, serve_until_stopped, serve_while_running
from simcounter.settlement import as_json_lines, as_table, day_report
from simcounter.tmdb import MonitoringKey, Tmdb

PORT = 17001
CONTROL_PORT = 17002
CONTROL_SECONDS = 600.0
"""a command may fill a whole day"""

_T = TypeVar("_T")

app = typer.Typer(
    help="A simulated CTP counter for trading offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file; its names are CounterConfig's")]
UsersOption = Annotated[int, typer.Option("--users", min=1, max=100_000, help="demonstration investors from 100001 on")]


def _settings(config: Path | None, users: int, defaults: CounterConfig | None = None) -> CounterConfig:
    try:
        loaded = load_config(config, defaults) if config is not None else defaults or CounterConfig()
    except OSError as error:
        print(f"ctp-simcounter: {config}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(2) from error
    except SettingsError as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    if users != demo_accounts.INVESTORS:
        loaded = dataclasses.replace(loaded, users=tuple(demo_accounts.users(users)))
    return with_known_positions(loaded, must_be_known=False)


@app.command()
def run(
    port: Annotated[int, typer.Option(min=0, max=65535, help="front; 0: any free port")] = PORT,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="control socket; 0: any free")] = CONTROL_PORT,
    database: Annotated[str, typer.Option(help="terminal database: a SQLite file, or :memory:")] = ":memory:",
    system: Annotated[
        str, typer.Option(help="which counter system to play: ctp, cts, ufx, bridge; the file's, or ctp")
    ] = "",
    config: ConfigOption = None,
    users: UsersOption = demo_accounts.INVESTORS,
) -> None:
    """Run the counter until Ctrl-C."""
    settings = dataclasses.replace(_settings(config, users), port=port, control_port=control_port, database=database)
    settings = dataclasses.replace(settings, system=system or settings.system)
    console = Console()
    try:
        settings = key_beside(settings)
        _run(serve_until_stopped(settings, lambda counter: console.print(introduction(counter))))
    except SettingsError as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except OSError as error:
        console.print(f"cannot listen: {error}", style="red")
        raise typer.Exit(1) from error


@app.command("exec", context_settings={"ignore_unknown_options": True})
def execute(
    program: Annotated[list[str], typer.Argument(help="after --: the program and its arguments")],
    front: Annotated[
        str, typer.Option(help="a running counter, tcp://127.0.0.1:17001; without it, one is started just for this")
    ] = "",
    python: Annotated[
        str, typer.Option(help="the Python whose binding the program uses; seen from the program where it can be")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="do not say which accounts there are")] = False,
    config: ConfigOption = None,
    users: UsersOption = demo_accounts.INVESTORS,
    unpaced: Annotated[
        bool, typer.Option("--unpaced", help="no limit of queries and packets a second, unless --config sets one")
    ] = False,
) -> None:
    """Run a CTP PROGRAM on the simulated counter, trading and market data, whatever front it registers."""
    settings = _settings(config, users, CounterConfig() if unpaced else paced_config())

    def say(words: str) -> None:
        if not quiet:
            print(words, file=sys.stderr, flush=True)

    try:
        if front:
            run_program(program, front, python, say)
        status = _run(serve_while_running(settings, program, say, python))
    except (CompilerMissing, BuildFailed, BindingMissing, LocaleMissing, FileNotFoundError) as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(127) from error
    except SettingsError as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    raise typer.Exit(status)


@app.command()
def report(
    database: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="the counter's terminal database")],
    key: Annotated[Path | None, typer.Option(help="private key; DATABASE.pem when it is there")] = None,
    day: Annotated[str, typer.Option(help="trading day, YYYYMMDD; all days without it")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """The report to the monitoring center: who logged in from where."""
    beside = Path(f"{database}.pem")
    path = key or (beside if beside.exists() else None)
    tmdb = Tmdb(str(database), MonitoringKey.load(path) if path is not None else MonitoringKey.generate())
    try:
        lines = day_report(tmdb.reports(trading_day=day), MonitoringKey.load(path) if path is not None else None)
    except ValueError as error:
        print("ctp-simcounter: the reports were encrypted for another key", file=sys.stderr)
        raise typer.Exit(1) from error
    finally:
        tmdb.close()
    if as_json:
        print(as_json_lines(lines), end="")
    else:
        Console().print(as_table(lines))


@app.command()
def control(
    command: Annotated[
        str, typer.Argument(help="refuse, drop, delay, trading_day, status …; see simcounter/control.py")
    ],
    arguments: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE, values in JSON or plain text")] = None,
    address: Annotated[
        str, typer.Option(envvar="CTP_SIMCOUNTER_CONTROL", help="the counter's control socket")
    ] = f"127.0.0.1:{CONTROL_PORT}",
) -> None:
    """Send one command to a running counter: `control refuse method=ReqUserLogin error_id=3`."""
    try:
        result = asyncio.run(
            send_command(address, command, dict(_argument(command, text) for text in arguments or []), CONTROL_SECONDS)
        )
    except (OSError, RuntimeError, ValueError) as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(harmless_json(json.dumps(result, ensure_ascii=False, indent=2)))


def _run(main: Coroutine[Any, Any, _T]) -> _T:
    """On uvloop's event loop where it is installed."""
    if find_spec("uvloop") is None:
        return asyncio.run(main)
    return cast("_T", import_module("uvloop").run(main))


def _argument(command: str, text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    # A trading day or a user is digits but no number; CTP writes both as text.
    if name in texts_of(command):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@app.command()
def build() -> None:
    """Build the drop-in libraries for the installed openctp-ctp now, and say where they are."""
    try:
        print(build_shim().trader.parent)
    except (CompilerMissing, BuildFailed, BindingMissing, LocaleMissing) as error:
        print(f"ctp-simcounter: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


app.command("completion")(completion_command("ctp-simcounter", Path(__file__).with_name("completions")))

if __name__ == "__main__":
    app()
