"""Which kinds of report a terminal may send, and what the machines of an investor were like."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("terminal", sa.Column("kinds", sa.String(64), nullable=False, server_default="ordinary"))
    op.create_table(
        "machine",
        sa.Column("broker_id", sa.String(10), primary_key=True),
        sa.Column("investor_id", sa.String(12), primary_key=True),
        sa.Column("app_id", sa.String(32), primary_key=True),
        sa.Column("place", sa.String(64), primary_key=True),
        sa.Column("collector_code", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("missing_digit", sa.String(4), primary_key=True),
        sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("collector_version", sa.String(128), primary_key=True),
        sa.Column("seen_at", sa.String(40), nullable=False),
    )
    op.create_index("machine_seen_at", "machine", ["seen_at"])
