"""Which certificates a terminal may show."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("terminal", sa.Column("certificates", sa.Text, nullable=False, server_default=""))
