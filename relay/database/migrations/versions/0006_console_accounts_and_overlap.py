"""The web console's accounts, and an auth code that stays valid for a while beside the one that follows it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("terminal", sa.Column("previous_auth_code", sa.LargeBinary))
    op.add_column("terminal", sa.Column("previous_until", sa.String(40), nullable=False, server_default=""))
    op.create_table(
        "console_account",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("factor_key", sa.LargeBinary),
        sa.Column("factor_step", sa.BigInteger, nullable=False),
        sa.Column("recovery_hashes", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("theme", sa.String(8), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("password_changed_at", sa.String(40), nullable=False),
        sa.Column("signed_in_at", sa.String(40), nullable=False),
    )
