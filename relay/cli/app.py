"""`ctp-relay`: every command of the relay, and which module answers it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ctpabi.command_help import TwoLanguages
from ctpabi.locale import reads_chinese
from relay.cli import alarm, console, investor, ledger, locks, sessions, steering, terminal
from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.doctor import doctor, look_before_serving
from relay.cli.init import init
from relay.cli.output import EPILOG, AsJson, reporting, say, show, write_json
from relay.cli.status import status
from relay.database.database import open_database, require_current, revisions, upgrade
from relay.settings.file import SettingsInvalid, control_socket, directory_url, ledger_url, load, secrets_of
from relay.settings.file_modes import why_changeable
from relay.settings.settings import Settings
from relay.settings.text import example, markdown
from relay.settings.wording import settings_wording


class RelayCommands(TwoLanguages):
    """`ctp-relay` in two languages."""

    program = "ctp-relay"
    chinese = Path(__file__).with_name("help.zh.toml")


app = typer.Typer(
    cls=RelayCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
    help="CTP relay server (CTP 中继服务器): admits terminals, reports them, and passes their trading on to the counter.",
    epilog=EPILOG,
)
database_app = typer.Typer(no_args_is_help=True, help="The relay's database.", epilog=EPILOG)
app.add_typer(terminal.app, name="terminal")
app.add_typer(investor.app, name="investor")
app.add_typer(ledger.app, name="ledger")
app.add_typer(locks.app, name="locks")
app.add_typer(alarm.app, name="alarm")
app.add_typer(console.app, name="console")
app.add_typer(sessions.app, name="sessions")
app.add_typer(steering.logins_app, name="logins")
app.add_typer(steering.operator_app, name="operator")
app.add_typer(steering.counter_app, name="counter")
app.add_typer(steering.log_app, name="log")
app.add_typer(database_app, name="database")
app.command("status", epilog="Example: ctp-relay status --watch")(status)
app.command("drain", epilog="Example: ctp-relay drain --reason 'new version'")(steering.drain)
app.command("reload", epilog="Example: ctp-relay reload --reason 'certificate renewed'")(steering.reload)
app.command(
    "doctor",
    epilog="Example: ctp-relay doctor -c relay.toml",
)(doctor)
app.command(
    "init",
    epilog="Example: ctp-relay init /etc/ctp-relay",
)(init)


class Which(StrEnum):
    RUNNING = "running"


def _print_version(wanted: bool) -> None:
    if wanted:
        say(importlib.metadata.version("ctp-relay"))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Only there for --version."""


@app.command(epilog="Example: ctp-relay serve -c relay.toml")
def serve(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run the relay until a signal stops it (SIGTERM drains, a second one stops at once).

    It does not start where `ctp-relay doctor` finds something grave that would keep it from serving.
    """
    with reporting():
        settings = load(config)
        note = look_before_serving(settings)
        _part("relay.server").run(settings, lambda: load(config), note)


@app.command("settings", epilog="Example: ctp-relay settings --example > relay.toml")
def settings_(
    which: Annotated[
        Which | None, typer.Argument(help="running: those in force in the running relay.", show_default=False)
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    write_example: Annotated[bool, typer.Option("--example", help="Write a settings file to start from.")] = False,
    write_markdown: Annotated[bool, typer.Option("--markdown", help="Write the reference page.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check the settings, the secret files and the certificate.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the settings of the file as JSON, secrets hidden; or those of the running relay, an example, the reference page.

    `settings running` says of each key what is in force, and whether a new value waits for a restart.
    """
    if write_example or write_markdown:
        words = settings_wording(chinese=reads_chinese(os.environ))
        typer.echo(example(words=words) if write_example else markdown(words), nl=False)
        return
    with reporting():
        if which is Which.RUNNING:
            steering.show_running_settings(config, as_json=as_json)
            return
        settings = load(config)
        if check:
            _check_files(settings)
            say(f"{config}: all settings are right")
            return
        write_json(settings.model_dump(mode="json"))


@database_app.command("upgrade", epilog="Example: ctp-relay database upgrade -c relay.toml")
def database_upgrade(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Bring the tables of ledger and directory to this version; does nothing where they are."""
    with reporting():
        settings = load(config)
        rows: list[dict[str, object]] = []
        for name, url in {"ledger": ledger_url(settings), "directory": directory_url(settings)}.items():
            engine = open_database(url)
            before, wanted = revisions(engine)
            upgrade(engine)
            require_current(engine)
            rows.append({"database": name, "before": before or "no tables", "now": wanted})
        show("database", rows, as_json=as_json)


def _check_files(settings: Settings) -> None:
    """Look at everything the settings point to; raises SettingsInvalid with all that is wrong."""
    problems: list[str] = []
    try:
        secrets_of(settings)
    except SettingsInvalid as error:
        problems += error.problems
    problems += _changeable(settings)
    certificate, key = settings.listen.tls_certificate, settings.listen.tls_key
    if certificate is not None and key is not None:
        try:
            _part("relay.rpc.certificates").read_pair(certificate, key)
        except OSError as error:
            problems.append(f"listen.tls_certificate, listen.tls_key: {error}")
    if problems:
        raise SettingsInvalid("settings", problems)


def _changeable(settings: Settings) -> list[str]:
    """What of the relay's own places another user could change."""
    named = {"relay.state_dir": settings.relay.state_dir, "relay.control_socket": control_socket(settings).parent}
    return [f"{key}: {why}" for key, path in named.items() if (why := why_changeable(path))]


def _part(name: str) -> Any:
    """A part that is loaded only by the command that needs it: it brings the vendor's library along."""
    return importlib.import_module(name)
