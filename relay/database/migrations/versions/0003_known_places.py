"""Where each investor has logged in from before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_place",
        sa.Column("broker_id", sa.String(10), primary_key=True),
        sa.Column("investor_id", sa.String(12), primary_key=True),
        sa.Column("place", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.String(40), nullable=False),
    )
