"""What a node says is final binds the lake for ever, so it is not believed whatever it says."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from chain_assets.layers.pipeline import heal_raw
from chain_assets.sources.devnet import Devnet, DevnetSource, Faults
from chain_assets.sources.protocol import Header
from chain_assets_tests.lake_fixtures import Pipeline, assert_as_clean, small_chain
from chain_assets_tests.layers.catching import catch_up_all, faulty


class _AboveItsHead(DevnetSource):
    def finalized(self) -> Header:
        return Header(10**6, bytes(32), bytes(32), 0)


class _GrowsWithEachAnswer(DevnetSource):
    def __init__(self, net: Devnet) -> None:
        super().__init__(net)
        self._net = net

    def finalized(self) -> Header | None:
        found = super().finalized()
        self._net.advance(1)
        return found

    def head(self) -> Header:
        found = super().head()
        self._net.advance(1)
        return found


def _final(pipeline: Pipeline) -> int | None:
    mark = pipeline.ops.watermarks.watermark(pipeline.chain.name)
    return None if mark is None else mark.number


def test_a_block_above_the_head_is_not_taken_for_final(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else each reorg would be one of final blocks for ever, and halt the chain."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=20))
    pipeline.run(0, 24)
    with caplog.at_level(logging.WARNING):
        heal_raw(pipeline.chain, _AboveItsHead(pipeline.net), pipeline.writer())
    assert "1,000,000 is final, above its head, 24" in caplog.text
    assert _final(pipeline) == 4
    head = pipeline.net.reorg(1, 2)
    pipeline.run(0, head)
    assert _final(pipeline) == 5
    assert_as_clean(pipeline, tmp_path / "clean", last=head)


def test_a_chain_that_grows_between_two_answers_is_believed(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(finality=0))
    heal_raw(pipeline.chain, _GrowsWithEachAnswer(pipeline.net), pipeline.writer())
    assert _final(pipeline) == 24


def test_a_node_that_lacks_just_the_final_block_gives_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    assert _final(pipeline) == 14
    head = pipeline.net.advance(3)
    pipeline.net.faults = faulty("null_block", head - 10)
    with caplog.at_level(logging.WARNING):
        catch_up_all(pipeline)
    assert "what is final is not known" in caplog.text
    assert _final(pipeline) == 14, "what was final stays so"
    pipeline.net.faults = Faults()
    assert_as_clean(pipeline, tmp_path / "clean", last=head)
    catch_up_all(pipeline)
    assert _final(pipeline) == head - 10
