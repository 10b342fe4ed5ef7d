"""`ctp-relay console`: serve the web console, and keep its accounts."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.admin.roles import PersonRole
from relay.cli.context import DEFAULT_CONFIG, ConfigPath, Reason, ask_secret
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, CommandRefused, say, show, write_json
from relay.cli.reader import spoken
from relay.cli.workplace import Workplace, reporting_stores
from relay.settings.file import load

app = typer.Typer(
    invoke_without_command=True,
    help="The web console, a process of its own; without a command: serve it.",
    epilog=EPILOG,
)
account_app = typer.Typer(no_args_is_help=True, help="Who may sign in to the web console.", epilog=EPILOG)
app.add_typer(account_app, name="account")

AccountName = Annotated[str, typer.Argument(help="The account's name, e.g. li.na", show_default=False)]
NewRole = Annotated[PersonRole, typer.Option("--role", help="What the account may do.", show_default=False)]
NewPassword = Annotated[
    Path | None, typer.Option("--password-file", help="Take the password from this file; - is standard input.")
]


@app.callback()
def console(context: typer.Context, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Serve the web console until a signal stops it."""
    if context.invoked_subcommand is not None:
        return
    with reporting_stores():
        settings = load(config)
        try:
            serving: Any = importlib.import_module("relay.console.serve")
        except ModuleNotFoundError as missing:
            if (missing.name or "").split(".")[0] in {"relay", "ctprelay", "ctpabi"}:
                raise
            raise CommandRefused(
                spoken(
                    f"控制台还需要软件包（缺 {missing.name}），请运行：pip install 'ctp-relay[console]'",
                    f"the console needs packages more ({missing.name} is missing); run: pip install 'ctp-relay[console]'",
                )
            ) from None
        serving.run(settings)


@account_app.command(epilog="Example: ctp-relay console account add li.na --role operator")
def add(
    name: AccountName,
    role: NewRole,
    config: ConfigPath = DEFAULT_CONFIG,
    password_file: NewPassword = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Make an account; asks for the password where no file is given."""
    with reporting_stores():
        place = Workplace(config)
        password = ask_secret("password", password_file)
        place.accounts.add(place.by.because(reason or ""), name, role, password)
        _tell(
            {"name": name, "role": role.value},
            spoken(f"可以登录，角色 {role.value}", f"may sign in as {role.value}"),
            as_json=as_json,
        )


@account_app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the accounts."""
    with reporting_stores():
        hidden = {"generation", "language", "theme"}
        rows = [asdict(account) for account in Workplace(config).accounts.all()]
        show("accounts", [{key: row[key] for key in row if key not in hidden} for row in rows], as_json=as_json)


@account_app.command()
def disable(
    name: AccountName, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False
) -> None:
    """Let an account sign in no more; what is signed in ends at once."""
    _set_enabled(name, config, reason, enabled=False, as_json=as_json)


@account_app.command()
def enable(
    name: AccountName, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False
) -> None:
    """Let an account sign in again."""
    _set_enabled(name, config, reason, enabled=True, as_json=as_json)


@account_app.command(epilog="Example: ctp-relay console account password li.na --password-file -")
def password(
    name: AccountName,
    config: ConfigPath = DEFAULT_CONFIG,
    password_file: NewPassword = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Replace an account's password; what is signed in ends."""
    with reporting_stores():
        place = Workplace(config)
        given = ask_secret("new password", password_file)
        place.accounts.set_password(place.by.because(reason or ""), name, given)
        _tell({"name": name}, spoken("密码已更换", "has a new password"), as_json=as_json)


@account_app.command("reset-totp")
def reset_totp(
    name: AccountName, config: ConfigPath = DEFAULT_CONFIG, reason: Reason = None, as_json: AsJson = False
) -> None:
    """Take an account's second factor away, where the phone is lost; what is signed in ends."""
    with reporting_stores():
        place = Workplace(config)
        place.accounts.reset_second_factor(place.by.because(reason or ""), name)
        _tell(
            {"name": name, "second_factor": False},
            spoken("已取消动态口令", "has no second factor any more"),
            as_json=as_json,
        )


def _set_enabled(name: str, config: Path, reason: str | None, *, enabled: bool, as_json: bool) -> None:
    with reporting_stores():
        place = Workplace(config)
        place.accounts.set_enabled(place.by.because(reason or ""), name, enabled)
        _tell({"name": name, "enabled": enabled}, _enabled(enabled), as_json=as_json)


def _enabled(enabled: bool) -> str:
    return spoken("已启用", "is enabled") if enabled else spoken("已停用", "is disabled")


def _tell(row: dict[str, object], what: str, *, as_json: bool) -> None:
    if as_json:
        write_json(row)
    else:
        say(f"{row['name']}{spoken('：', ': ')}{what}")
