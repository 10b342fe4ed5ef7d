"""Where alembic meets the relay's tables: the connection comes from `relay.database.migrating.migrate`."""

from alembic import context

from relay.database.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
