"""What Alembic runs to migrate: on the connection and in the transaction of its caller."""

from __future__ import annotations

from alembic import context

from chain_assets.ops.schema import VERSION_TABLE, metadata


def migrate() -> None:
    """Run the migrations that the database has not seen."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        # Dagster's own migrations may be counted in the same database.
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


# Alembic runs this file under that name; a plain import does nothing.
if __name__ == "env_py":
    migrate()
