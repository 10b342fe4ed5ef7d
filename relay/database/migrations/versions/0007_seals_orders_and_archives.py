"""Trading days and hash functions of entries, the orders' stream, seals, and what may be removed once it is archived."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQLITE = (
    "DROP TRIGGER ledger_no_delete",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
    WHEN NOT EXISTS (SELECT 1 FROM ledger_archive AS kept WHERE kept.chain = OLD.chain AND OLD.sequence <= kept.sequence)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_order_no_delete BEFORE DELETE ON ledger_order
    WHEN NOT EXISTS (SELECT 1 FROM ledger_archive AS kept WHERE kept.chain = OLD.chain AND OLD.sequence <= kept.sequence)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_order_no_update BEFORE UPDATE ON ledger_order
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_seal_no_update BEFORE UPDATE ON ledger_seal
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_seal_no_delete BEFORE DELETE ON ledger_seal
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
)
_POSTGRESQL = (
    """CREATE FUNCTION ledger_only_archived_go() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
      IF NOT EXISTS (SELECT 1 FROM ledger_archive AS kept
          WHERE kept.chain = OLD.chain AND OLD.sequence <= kept.sequence) THEN
        RAISE EXCEPTION 'the ledger is append-only';
      END IF;
      RETURN OLD;
    END $$""",
    "DROP TRIGGER ledger_append_only ON ledger",
    *(
        f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"""
        for table in ("ledger", "ledger_order")
    ),
    *(
        f"""CREATE TRIGGER {table}_only_archived_go BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION ledger_only_archived_go()"""
        for table in ("ledger", "ledger_order")
    ),
    """CREATE TRIGGER ledger_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
)


def upgrade() -> None:
    op.add_column("ledger", sa.Column("trading_day", sa.String(8), nullable=False, server_default=""))
    op.add_column("ledger", sa.Column("digest", sa.String(8), nullable=False, server_default=""))
    _orders()
    _seals()
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


def _orders() -> None:
    op.create_table(
        "ledger_order",
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("trading_day", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(8), nullable=False),
    )
    op.create_index("ledger_order_session", "ledger_order", ["session"])


def _seals() -> None:
    op.create_table(
        "ledger_seal",
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
    )
    op.create_table(
        "ledger_archive",
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("month", sa.String(8), primary_key=True),
        sa.Column("before_sequence", sa.BigInteger, nullable=False),
        sa.Column("before_hash", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
