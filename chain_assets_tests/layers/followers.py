"""A follower in a thread, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.layers.following import Bell, FollowPolicy, follow
from chain_assets.layers.pipeline import Parts
from chain_assets.layers.report import LayerReport
from chain_assets_tests.lake_fixtures import Pipeline

POLICY = FollowPolicy(
    holds_every=0.05, reports_every=0.0, halted_wait=0.05, first_wait=0.02, longest_wait=0.1
)


class Follower:
    """A follower in a thread of its own. `reports` are those that it told."""

    def __init__(self, pipeline: Pipeline, policy: FollowPolicy, parts: Parts | None) -> None:
        self.pipeline, self.bell = pipeline, Bell()
        self.reports: list[LayerReport] = []
        self.error: BaseException | None = None
        self._parts = parts or replace(pipeline.parts(), writer=pipeline.writer(patient=True))
        self._policy = policy
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            follow(
                self.pipeline.chain,
                self._parts,
                self.bell,
                pause=lambda: 0.02,
                reference=lambda head: self.pipeline.reference(),
                tell=self.reports.append,
                policy=self._policy,
            )
        except ChainAssetsError as error:
            self.error = error

    def reach(self, number: int) -> None:
        """Wait until block `number`, as the chain has it now, is enriched."""
        block = self.pipeline.net.canonical_block(number)
        assert block is not None
        self.until(lambda: enriched(self.pipeline).get(number) == block.hash)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 180
        while not condition():
            assert self.thread.is_alive(), self.error
            assert time.monotonic() < end
            time.sleep(0.02)


@contextmanager
def following(
    pipeline: Pipeline, policy: FollowPolicy = POLICY, *, parts: Parts | None = None
) -> Iterator[Follower]:
    """A follower while the block runs; then it is stopped, and must have ended well."""
    follower = Follower(pipeline, policy, parts)
    follower.thread.start()
    try:
        yield follower
    finally:
        follower.bell.stop()
        follower.thread.join(timeout=60)
        assert not follower.thread.is_alive()
    assert follower.error is None


def enriched(pipeline: Pipeline) -> dict[int, bytes]:
    """The hashes of the enriched blocks, by number."""
    rows = pipeline.tables.read(ENRICHED_BLOCKS, columns=["number", "hash"])
    return dict(zip(rows["number"].to_pylist(), rows["hash"].to_pylist(), strict=True))
