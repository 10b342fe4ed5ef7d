"""`ctp-relay database`: the tables of ledger and directory."""

from __future__ import annotations

import typer

from relay.cli.context import DEFAULT_CONFIG, ConfigPath
from relay.cli.exit_codes import EPILOG
from relay.cli.output import AsJson, show
from relay.cli.workplace import reporting_stores
from relay.database.database import open_database, require_current, revisions, upgrade
from relay.settings.file import directory_url, ledger_url, load

app = typer.Typer(no_args_is_help=True, help="The relay's database.", epilog=EPILOG)


@app.callback()
def database() -> None:
    """Only there so that `upgrade` is typed out."""


@app.command("upgrade", epilog="Example: ctp-relay database upgrade -c relay.toml")
def database_upgrade(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Bring the tables of ledger and directory to this version; does nothing where they are."""
    with reporting_stores():
        settings = load(config)
        rows: list[dict[str, object]] = []
        for name, url in {"ledger": ledger_url(settings), "directory": directory_url(settings)}.items():
            engine = open_database(url)
            before, wanted = revisions(engine)
            upgrade(engine)
            require_current(engine)
            rows.append({"database": name, "before": before or "no tables", "now": wanted})
        show("database", rows, as_json=as_json)
