"""`ctp-relay`: every command of the relay, and which module answers it."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Annotated

import typer

from ctpabi.command_help import TwoLanguages
from ctpabi.later_commands import Later
from relay.cli.exit_codes import EPILOG


class RelayCommands(TwoLanguages):
    """`ctp-relay` in two languages. A command's module is imported when the command is run."""

    program = "ctp-relay"
    chinese = Path(__file__).with_name("help.zh.toml")
    later = {  # noqa: RUF012 - a ClassVar, as TwoLanguages says
        "status": Later(
            "relay.cli.status:status",
            "Show how the running relay is: counter, sessions, ledger, certificate, and what is wrong.",
            epilog="Example: ctp-relay status --watch",
        ),
        "drain": Later(
            "relay.cli.steering:drain",
            "Stop the running relay as SIGTERM does: no new logins, and what is left ends after relay.drain_seconds.",
            epilog="Example: ctp-relay drain --reason 'new version'",
        ),
        "reload": Later(
            "relay.cli.steering:reload",
            "Let the running relay read its settings and the files they name again, as SIGHUP does; it never ends by that.",
            epilog="Example: ctp-relay reload --reason 'certificate renewed'",
        ),
        "restart": Later(
            "relay.cli.restart:restart",
            "Replace the running relay by a new process with the program and settings there are now; its port stays open.",
            epilog="Example: ctp-relay restart --rolling",
        ),
        "doctor": Later(
            "relay.cli.doctor:doctor",
            "Find out what is wrong with settings, files, certificate, machine, databases and the way to the counter.",
            epilog="Example: ctp-relay doctor -c relay.toml",
        ),
        "init": Later(
            "relay.cli.init:init",
            "Ask what a new relay must know, and make settings, secret files and a certificate for trying out.",
            epilog="Example: ctp-relay init /etc/ctp-relay",
        ),
        "completion": Later(
            "relay.cli.completion:completion",
            "Print the script that completes commands, options and choices in your shell; it starts nothing.",
            epilog="Example: ctp-relay completion bash > ~/.local/share/bash-completion/completions/ctp-relay",
        ),
        "serve": Later(
            "relay.cli.serve:serve",
            "Run the relay until a signal stops it (SIGTERM drains, a second one stops at once).",
            epilog="Example: ctp-relay serve -c relay.toml",
        ),
        "settings": Later(
            "relay.cli.settings:settings",
            "Show the settings of the file as JSON, secrets hidden; or those of the running relay, an example, the reference page.",
            epilog="Example: ctp-relay settings --example > relay.toml",
        ),
        "terminal": Later("relay.cli.terminal:app", "Terminal software that may connect (终端)."),
        "investor": Later(
            "relay.cli.investor:app", "Investors of the many_to_one mode, whose passwords the relay checks itself."
        ),
        "ledger": Later("relay.cli.ledger:app", "The permanent record (台账)."),
        "locks": Later(
            "relay.cli.locks:app", "Locks after failed logins, of the running relay process these settings belong to."
        ),
        "alarm": Later("relay.cli.alarm:app", "Alarms that reach a person (section alarms of the settings)."),
        "console": Later(
            "relay.cli.console:app", "The web console, a process of its own; without a command: serve it."
        ),
        "sessions": Later("relay.cli.sessions:app", "Terminal sessions of the running relay these settings belong to."),
        "logins": Later("relay.cli.steering:logins_app", "New logins at the running relay."),
        "operator": Later("relay.cli.steering:operator_app", "The operator of many_to_one."),
        "counter": Later("relay.cli.steering:counter_app", "The running relay's sessions at the counter."),
        "log": Later("relay.cli.steering:log_app", "The running relay's log."),
        "database": Later("relay.cli.database:app", "The relay's database."),
    }


app = typer.Typer(
    cls=RelayCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
    help="CTP relay server (CTP 中继服务器): admits terminals, reports them, and passes their trading on to the counter.",
    epilog=EPILOG,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(importlib.metadata.version("ctp-relay"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Only there for --version."""
