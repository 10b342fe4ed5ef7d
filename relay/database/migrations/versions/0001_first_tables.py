"""The first tables, and the triggers that make the ledger append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQLITE = (
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_head_no_delete BEFORE DELETE ON ledger_head
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head
    WHEN NEW.chain <> OLD.chain OR NEW.sequence <= OLD.sequence
    BEGIN SELECT RAISE(ABORT, 'the head of the ledger only moves forward'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    """CREATE FUNCTION ledger_head_only_forward() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF NEW.chain <> OLD.chain OR NEW.sequence <= OLD.sequence THEN
        RAISE EXCEPTION 'the head of the ledger only moves forward';
      END IF;
      RETURN NEW;
    END $$""",
    """CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
    """CREATE TRIGGER ledger_head_append_only BEFORE DELETE OR TRUNCATE ON ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
    """CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head
    FOR EACH ROW EXECUTE FUNCTION ledger_head_only_forward()""",
)


def upgrade() -> None:
    _ledger()
    _directory()
    triggers = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for statement in triggers:
        op.execute(statement)


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ledger_at", "ledger", ["at"])
    op.create_index("ledger_session", "ledger", ["session"])
    op.create_table(
        "ledger_head",
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _directory() -> None:
    op.create_table(
        "terminal",
        sa.Column("app_id", sa.String(32), primary_key=True),
        sa.Column("auth_code", sa.LargeBinary, nullable=False),
        sa.Column("modes", sa.String(64), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("rotated_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "investor",
        sa.Column("broker_id", sa.String(10), primary_key=True),
        sa.Column("investor_id", sa.String(12), primary_key=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("account_ids", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("password_changed_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "system_info_seen",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.String(40), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
    )
    op.create_index("system_info_seen_at", "system_info_seen", ["seen_at"])
