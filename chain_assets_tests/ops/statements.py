"""Plain SQL on an ops store, for tests that go behind its back."""

from __future__ import annotations

from chain_assets.ops.database import Database


def change(database: Database, *statements: str) -> None:
    """Run all of `statements` in one transaction. Raises OpsStoreFailed."""
    with database.changing("x") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
