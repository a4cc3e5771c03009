"""What changes beside the chain moves just what it touches, and rows only where they are asked to
be made anew: prices, ABIs, damaged blobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.abi.registry import Registry, load_registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import BlobCorrupt
from chain_assets.core.schemas import DECODED_TABLES
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.pipeline import run_blocks, write_decoded
from chain_assets.layers.raw import materialize_raw
from chain_assets.layers.reference import materialize_reference
from chain_assets.layers.refreshing import Refreshed, refresh, stale_blocks
from chain_assets.layers.report import no_progress
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_same,
    contents,
    live_files,
    read_all,
    registry,
)

RANGES = [BlockRange(first, first + 10) for first in (0, 10, 20)]


def _without_prices(reference: ReferenceTables) -> ReferenceTables:
    return replace(reference, prices=reference.prices.slice(0, 0))


def _refresh(pipeline: Pipeline, abis: Registry | None = None) -> list[Refreshed]:
    """What `chain-assets refresh` does where nobody has to approve it."""
    abis = abis or registry()
    stale = stale_blocks(pipeline.chain, RANGES, pipeline.tables, abis)
    return list(refresh(pipeline.chain, list(stale), replace(pipeline.parts(), registry=abis)))


def test_prices_that_come_late_are_in_the_rows_after_a_refresh_and_not_before(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    materialize_reference(
        pipeline.chain, _without_prices(pipeline.reference()), tables=pipeline.tables
    )
    pipeline.run(0, 12, reference=False)
    blocks = read_all(pipeline.tables, "enriched_blocks")
    assert blocks["native_price_usd"].null_count == 13
    assert not _refresh(pipeline), "nothing is old yet"
    decoded = {t.name: live_files(pipeline.tables)[t.name] for t in DECODED_TABLES}

    assert not any(report.changed for report in pipeline.run(0, 12))
    refreshed = _refresh(pipeline)

    assert refreshed == [Refreshed(RANGES[0], 0, 10), Refreshed(RANGES[1], 0, 3)]
    assert {t.name: live_files(pipeline.tables)[t.name] for t in DECODED_TABLES} == decoded
    blocks = read_all(pipeline.tables, "enriched_blocks")
    assert blocks["native_price_usd"].null_count == 0
    at_once = pipeline.into(tmp_path / "at once")
    at_once.run(0, 12)
    assert_same(contents(pipeline.tables), contents(at_once.tables))
    assert not _refresh(pipeline)


def test_reference_rows_that_are_the_same_make_no_commit(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    assert materialize_reference(pipeline.chain, pipeline.reference(), tables=pipeline.tables)
    assert not materialize_reference(pipeline.chain, pipeline.reference(), tables=pipeline.tables)


def _other_abis(folder: Path) -> Registry:
    folder.mkdir()
    (folder / "Extra.json").write_text(
        '[{"type": "event", "name": "Extra", "inputs": [{"name": "a", "type": "uint256"}]}]'
    )
    return load_registry(folder)


def test_a_new_abi_decodes_the_stored_blocks_anew_by_a_refresh_only(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 4)
    abis = _other_abis(tmp_path / "abis")
    parts = replace(pipeline.parts(), registry=abis)
    reports = run_blocks(
        pipeline.chain, [BlockRange(0, 6)], parts, progress=lambda layer: no_progress
    )
    written = [(r.layer, r.written) for r in reports]
    assert written == [("raw", 1), ("decoded", 1), ("enriched", 1)], "only what is new"
    assert _refresh(pipeline, abis) == [Refreshed(RANGES[0], 5, 5)]
    versions = read_all(pipeline.tables, "decoded_blocks")["decoder_version"]
    assert len(set(versions.to_pylist())) == 1


def test_a_refresh_that_was_killed_goes_on_with_the_ranges_that_are_left(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    abis = _other_abis(tmp_path / "abis")
    stale = stale_blocks(pipeline.chain, RANGES, pipeline.tables, abis)
    assert {r: len(numbers) for r, numbers in stale.items()} == dict(
        zip(RANGES, (10, 10, 5), strict=True)
    )
    work = refresh(pipeline.chain, list(stale), replace(pipeline.parts(), registry=abis))
    assert next(work).block_range == RANGES[0]
    del work
    # And in the middle of one: decoded, but not enriched.
    writer = pipeline.writer(refreshes=True)
    write_decoded(pipeline.chain, RANGES[1], pipeline.engine, abis, writer)
    assert _refresh(pipeline, abis) == [Refreshed(RANGES[1], 0, 10), Refreshed(RANGES[2], 5, 5)]
    assert not _refresh(pipeline, abis)


def test_a_held_block_is_tried_by_a_new_decoder_without_a_refresh(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.net.faults = Faults(rules=(Fault(kind="missing_log", blocks=frozenset({6})),))
    pipeline.run(0, 9)
    parts = replace(pipeline.parts(), registry=_other_abis(tmp_path / "abis"))
    reports = run_blocks(
        pipeline.chain, [BlockRange(0, 10)], parts, progress=lambda layer: no_progress
    )
    assert [(r.layer, r.written) for r in reports] == [("raw", 0), ("decoded", 1), ("enriched", 0)]
    assert [block.number for block in reports[1].failed] == [6]


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
