"""Changes of the tables, by alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision; `head` is the newest. The caller commits."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def newest_revision() -> str:
    """As alembic finds it, by what the files say of one another."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
