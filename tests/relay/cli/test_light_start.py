"""`ctp-relay` imports what the command needs that is run; help and version need next to nothing."""

from __future__ import annotations

import pytest

from relay.cli.app import RelayCommands, app
from tests.ctpabi.light_start import commands_of, modules_loaded, packages_loaded, wrong_announcements

HEAVY = {
    "alembic", "argon2", "cryptography", "google", "grpc", "httpx", "jinja2", "openctp_ctp", "prometheus_client",
    "psycopg", "pydantic", "sqlalchemy", "starlette", "structlog", "uvicorn", "uvloop",
}  # fmt: skip
DATABASES = {
    "alembic",
    "argon2",
    "httpx",
    "jinja2",
    "mako",
    "openctp_ctp",
    "prometheus_client",
    "psycopg",
    "sqlalchemy",
}


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (("--version",), HEAVY | {"rich"}),
        (("--help",), HEAVY),
        (("status", "-c", "/nowhere/relay.toml"), DATABASES),
        (("sessions", "list", "-c", "/nowhere/relay.toml"), DATABASES),
        (("reload", "-c", "/nowhere/relay.toml"), DATABASES),
        (("ledger", "--help"), {"grpc", "httpx", "jinja2", "openctp_ctp", "prometheus_client"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_brings_along_what_it_needs(words: tuple[str, ...], unwanted: set[str]) -> None:
    """Asking a running relay opens no database; the version asks nothing at all."""
    loaded = packages_loaded("relay.cli.app", *words)

    assert "typer" in loaded
    assert loaded & unwanted == set()


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    """It is written out where no command is imported; what is copied there is held here."""
    assert wrong_announcements(RelayCommands) == []
    assert commands_of(app) == list(RelayCommands.later)


def test_a_relay_loads_what_its_settings_ask_for() -> None:
    """Not the other database, not the HTTP client of alarms, and no migrations where the tables are right."""
    loaded = modules_loaded("import relay.cli.serve, relay.server")

    assert "relay.sessions.sessions" in loaded
    assert loaded & {"alembic", "httpx", "jinja2", "mako", "psycopg", "sqlalchemy.dialects.postgresql"} == set()
