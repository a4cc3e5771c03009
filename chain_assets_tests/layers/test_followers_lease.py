"""A follower's lease that runs out: it is taken again, unless another follower has it by then."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.errors import LeaseTaken
from chain_assets.layers.following import follower_key, is_followed
from chain_assets.layers.pipeline import Parts
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import OpsStore, open_store
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean
from chain_assets_tests.layers.followers import POLICY, Follower, following

_LEASE_SECONDS = 1.0


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    return pipeline


@pytest.fixture
def ops_file(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "ops.db"


@pytest.fixture
def parts(pipeline: Pipeline, ops_file: Path) -> Iterator[Parts]:
    """As processes have them, but for leases that run out soon."""
    database = open_database(sqlite_url(ops_file))
    with OpsStore(database, actor="follower", lease_seconds=_LEASE_SECONDS) as ops:
        yield replace(pipeline.parts(), writer=replace(pipeline.writer(patient=True), ops=ops))


@contextmanager
def _away(ops_file: Path) -> Iterator[None]:
    """Nobody can write to the ops store: it is locked, until the block ends."""
    other = sqlite3.connect(ops_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def test_a_follower_goes_on_when_the_ops_store_was_away_for_longer_than_its_lease(
    tmp_path: Path, pipeline: Pipeline, parts: Parts, ops_file: Path
) -> None:
    with following(pipeline, parts=parts) as follower:
        follower.reach(pipeline.net.advance(1))
        with _away(ops_file):
            time.sleep(2.5 * _LEASE_SECONDS)
        follower.reach(pipeline.net.advance(1))
        follower.until(lambda: is_followed(pipeline.chain, pipeline.ops))
    assert_as_clean(pipeline, tmp_path / "clean", last=pipeline.net.head)


def test_a_follower_leaves_when_another_has_taken_over(
    pipeline: Pipeline, parts: Parts, ops_file: Path
) -> None:
    follower = Follower(pipeline, POLICY, parts)
    follower.thread.start()
    follower.reach(pipeline.net.advance(1))
    with open_store(sqlite_url(ops_file), clock=lambda: time.time() + 100) as ahead:
        ahead.leases.acquire(follower_key(pipeline.chain), owner="another:1", ttl=60)
    follower.thread.join(timeout=30)
    assert isinstance(follower.error, LeaseTaken)
    assert "another:1 has the lease" in str(follower.error)
