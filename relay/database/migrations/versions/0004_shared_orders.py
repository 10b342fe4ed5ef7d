"""What relay processes share of a trading day: whose reference is whose, and which order a key named first."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_reference",
        sa.Column("broker_id", sa.String(10), primary_key=True),
        sa.Column("trading_day", sa.String(8), primary_key=True),
        sa.Column("space", sa.String(32), primary_key=True),
        sa.Column("lane_front", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lane_session", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lane_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("investor_id", sa.String(12), nullable=False),
        sa.Column("counter_front", sa.Integer, nullable=False),
        sa.Column("counter_session", sa.Integer, nullable=False),
        sa.Column("counter_ref", sa.BigInteger, nullable=False),
        sa.Column("request_mark", sa.Integer, nullable=False),
        sa.Column("lane_ref", sa.String(16), nullable=False),
        sa.Column("lane_request_id", sa.Integer, nullable=False),
    )
    op.create_index("order_reference_investor", "order_reference", ["broker_id", "trading_day", "investor_id"])
    op.create_table(
        "order_key",
        sa.Column("broker_id", sa.String(10), primary_key=True),
        sa.Column("trading_day", sa.String(8), primary_key=True),
        sa.Column("investor_id", sa.String(12), primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("relay_number", sa.Integer, nullable=False),
        sa.Column("lane_front", sa.Integer, nullable=False),
        sa.Column("lane_session", sa.Integer, nullable=False),
        sa.Column("order_ref", sa.String(16), nullable=False),
    )
