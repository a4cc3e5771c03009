"""Each test of the ops store runs on both databases: it takes `url`, or `ops` with `clock`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import OpsStore
from chain_assets_tests.ops.clock import Clock
from chain_assets_tests.ops.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ops.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_url()


@pytest.fixture
def clock() -> Clock:
    """The clock of `ops`."""
    return Clock()


@pytest.fixture
def ops(url: str, clock: Clock) -> Iterator[OpsStore]:
    """A new ops store; its random draws are all 0.5, so that no wait is longer or shorter."""
    with OpsStore(open_database(url), actor="tester", clock=clock, draw=lambda: 0.5) as store:
        yield store
