"""A follower and its reference files: one that somebody is just at work on ends nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import ReferenceFileError
from chain_assets.layers.following import Bell, follow
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean
from chain_assets_tests.layers.followers import POLICY, following


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    return pipeline


def test_blocks_go_on_while_a_file_cannot_be_read(
    pipeline: Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = pipeline.reference()
    broken = False

    def read(self: Pipeline) -> ReferenceTables:
        if broken:
            raise ReferenceFileError("prices.csv, row 7: it has no price")
        return rows

    monkeypatch.setattr(Pipeline, "reference", read)
    with following(pipeline, replace(POLICY, reference_every=0.0)) as follower:
        follower.reach(pipeline.net.advance(1))
        with caplog.at_level(logging.ERROR):
            broken = True
            follower.reach(pipeline.net.advance(1))
            follower.until(lambda: "row 7: it has no price" in caplog.text)
        broken = False
        follower.reach(pipeline.net.advance(1))
    assert_as_clean(pipeline, tmp_path / "clean", last=27)


def test_a_file_that_cannot_be_read_at_the_beginning_is_an_error(pipeline: Pipeline) -> None:
    def read(head: int) -> ReferenceTables:
        raise ReferenceFileError("prices.csv, row 7: it has no price")

    with pytest.raises(ReferenceFileError, match="row 7"):
        follow(pipeline.chain, pipeline.parts(), Bell(), pause=lambda: 0.02, reference=read)
