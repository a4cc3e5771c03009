"""What changes beside the chain moves just what it touches: prices, ABIs, damaged blobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.abi.registry import load_registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import BlobCorrupt
from chain_assets.core.schemas import DECODED_TABLES
from chain_assets.lake.tables import read_all
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.pipeline import run_blocks
from chain_assets.layers.raw import materialize_raw
from chain_assets.layers.reference import materialize_reference
from chain_assets.layers.report import no_progress
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_same,
    contents,
    live_files,
    registry,
)


def _without_prices(reference: ReferenceTables) -> ReferenceTables:
    return replace(reference, prices=reference.prices.slice(0, 0))


def test_prices_that_come_late_are_in_the_rows_after_the_next_run(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    materialize_reference(
        pipeline.chain, _without_prices(pipeline.reference()), tables=pipeline.tables
    )
    pipeline.run(0, 12, reference=False)
    blocks = read_all(pipeline.tables, "enriched_blocks")
    assert blocks["native_price_usd"].null_count == 13
    decoded = {t.name: live_files(pipeline.tables)[t.name] for t in DECODED_TABLES}

    reports = pipeline.run(0, 12)

    assert [r.written for r in reports if r.layer == "enriched"] == [10, 3]
    assert not any(r.changed for r in reports if r.layer != "enriched")
    assert {t.name: live_files(pipeline.tables)[t.name] for t in DECODED_TABLES} == decoded
    blocks = read_all(pipeline.tables, "enriched_blocks")
    assert blocks["native_price_usd"].null_count == 0
    at_once = pipeline.into(tmp_path / "at once")
    at_once.run(0, 12)
    assert_same(contents(pipeline.tables), contents(at_once.tables))


def test_reference_rows_that_are_the_same_make_no_commit(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    assert materialize_reference(pipeline.chain, pipeline.reference(), tables=pipeline.tables)
    assert not materialize_reference(pipeline.chain, pipeline.reference(), tables=pipeline.tables)


def test_a_new_abi_decodes_the_stored_blocks_anew(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 4)
    folder = tmp_path / "abis"
    folder.mkdir()
    (folder / "Extra.json").write_text(
        '[{"type": "event", "name": "Extra", "inputs": [{"name": "a", "type": "uint256"}]}]'
    )
    parts = replace(pipeline.parts(), registry=load_registry(folder))
    reports = run_blocks(
        pipeline.chain, [BlockRange(0, 5)], parts, progress=lambda layer: no_progress
    )
    assert [(r.layer, r.written) for r in reports] == [("raw", 0), ("decoded", 5), ("enriched", 5)]


def _delete(blob: Path) -> None:
    blob.unlink()


def _truncate(blob: Path) -> None:
    blob.write_bytes(blob.read_bytes()[:-5])


def _flip(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)


@pytest.mark.parametrize("damage", [_delete, _truncate, _flip])
def test_a_damaged_blob_is_named_nothing_is_written_and_the_next_run_heals_it(
    tmp_path: Path, damage: object
) -> None:
    assert callable(damage)
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    parts = pipeline.parts()
    whole = pipeline.into(tmp_path / "whole")
    whole.run(0, 9)
    materialize_reference(pipeline.chain, pipeline.reference(), tables=pipeline.tables)
    block_range = BlockRange(0, 10)
    materialize_raw(pipeline.chain, block_range, source=parts.source, tables=pipeline.tables)
    damage(next((tmp_path / "lake" / "raw").rglob("000000000004-*.zst")))
    with pytest.raises(BlobCorrupt, match=r"^devnet, block 4: .*Materialize raw_blocks"):
        materialize_decoded(
            pipeline.chain,
            block_range,
            tables=pipeline.tables,
            engine=pipeline.engine,
            registry=registry(),
        )
    assert all(not live_files(pipeline.tables)[table.name] for table in DECODED_TABLES)
    pipeline.run(0, 9)
    assert_same(contents(pipeline.tables), contents(whole.tables))


def test_a_blob_that_is_lost_after_decoding_is_fetched_again_and_no_row_changes(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 9)
    rows, files = contents(pipeline.tables), live_files(pipeline.tables)
    blob = next((tmp_path / "raw").rglob("000000000004-*.zst"))
    content = blob.read_bytes()
    blob.unlink()
    reports = pipeline.run(0, 9)
    assert [report.written for report in reports] == [1, 0, 0]
    assert blob.read_bytes() == content
    assert_same(contents(pipeline.tables), rows)
    after = live_files(pipeline.tables)
    assert {n: f for n, f in after.items() if n != "raw_blocks"} == {
        n: f for n, f in files.items() if n != "raw_blocks"
    }
