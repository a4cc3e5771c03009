"""A block that is not what its header says is held; the others go on, and it heals by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES
from chain_assets.layers.pipeline import run_blocks
from chain_assets.layers.report import LayerReport, no_progress
from chain_assets.sources.devnet import DevnetSource, Fault, FaultKind, Faults
from chain_assets.sources.recorded import RecordedSource, write_recording
from chain_assets_tests.lake_fixtures import Pipeline, assert_same, contents, live_files, read_all


def _report(reports: list[LayerReport], layer: str) -> LayerReport:
    (report,) = (report for report in reports if report.layer == layer)
    return report


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param("missing_log", "receipts root", id="a-log-left-out"),
        pytest.param("altered_receipt", "receipts root", id="a-receipt-altered"),
    ],
)
def test_a_node_that_lies_about_one_block_is_found_out_and_the_block_heals(
    tmp_path: Path, kind: FaultKind, reason: str
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    liar = 6  # it has 17 logs
    pipeline.net.faults = Faults(rules=(Fault(kind=kind, blocks=frozenset({liar})),))
    held = _report(pipeline.run(0, 9), "decoded").held
    assert [block.number for block in held] == [liar]
    assert reason in held[0].reason
    _assert_nothing_of(liar, pipeline)
    files = live_files(pipeline.tables)
    again = _report(pipeline.run(0, 9), "decoded")
    assert again.held == held
    assert live_files(pipeline.tables) == files
    pipeline.net.faults = Faults()
    assert not _report(pipeline.run(0, 9), "decoded").held
    clean = pipeline.into(tmp_path / "clean")
    clean.run(0, 9)
    assert_same(contents(pipeline.tables), contents(clean.tables))


def _assert_nothing_of(number: int, pipeline: Pipeline) -> None:
    for table in (*DECODED_TABLES, *ENRICHED_TABLES):
        rows = read_all(pipeline.tables, table.name)[table.number_column]
        assert not pc.any(pc.equal(rows, pa.scalar(number))).as_py(), table.name
    assert read_all(pipeline.tables, "decoded_blocks").num_rows == 9
    assert read_all(pipeline.tables, "enriched_blocks").num_rows == 9
    proofs = read_all(pipeline.tables, "block_proofs").to_pylist()
    assert Counter(row["level"] for row in proofs) == {"full": 9, "failed": 1}


def test_a_block_that_is_held_alone_is_held_all_the_same(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    rule = Fault(kind="missing_log", blocks=frozenset({6}))
    pipeline.net.faults = Faults(rules=(rule,))
    assert [block.number for block in _report(pipeline.run(6, 6), "decoded").held] == [6]
    pipeline.net.faults = Faults()
    assert not _report(pipeline.run(6, 6), "decoded").held
    assert read_all(pipeline.tables, "enriched_blocks")["number"].to_pylist() == [6]


def test_a_block_without_receipts_goes_on_and_its_level_says_so(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    for block in DevnetSource(pipeline.net).blocks(range(3)):
        payload = orjson.dumps({**orjson.loads(block.payload), "receipts": None})
        bare = replace(block, payload=payload, log_count=None) if block.header.number else block
        write_recording(bare, tmp_path / "blocks", chain=pipeline.chain.name)
    source = RecordedSource(pipeline.chain.name, tmp_path / "blocks")
    parts = replace(pipeline.parts(), source=source)
    run_blocks(pipeline.chain, [BlockRange(0, 3)], parts, progress=lambda layer: no_progress)
    rows = read_all(pipeline.tables, "block_proofs").sort_by("number").to_pylist()
    assert [row["level"] for row in rows] == ["full", "partial", "partial"]
    assert "receipts" in rows[1]["reason"]
    levels = read_all(pipeline.tables, "decoded_blocks").sort_by("number")["proof"].to_pylist()
    assert levels == ["full", "partial", "partial"]
