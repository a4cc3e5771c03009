"""The scanner finds what is wrong with any table, and mending makes it whole without the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from chain_assets.core.schemas import (
    BLOCK_CHANGES,
    BLOCK_PROOFS,
    DECODED_TABLES,
    ENRICHED_TABLES,
    RAW_BLOCKS,
    TABLES,
    Table,
)
from chain_assets.core.schemas.abi import CALLS
from chain_assets.core.schemas.abi import TOKEN_TRANSFERS as DECODED_TRANSFERS
from chain_assets.core.schemas.enriched import TOKEN_TRANSFERS as ENRICHED_TRANSFERS
from chain_assets.lake.data_files import write_data_file
from chain_assets.layers.findings import Finding
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_as_clean,
    assert_same,
    contents,
    live_files,
)

PARTITION = {"chain": "devnet", "block_range": "000000000000-000000000009"}
LAYERS = (RAW_BLOCKS, BLOCK_PROOFS, *DECODED_TABLES, *ENRICHED_TABLES)
# How many rows these have is said by no other: `missing` rows of a block show only in a recount.
_UNCOUNTED = {CALLS.name, DECODED_TRANSFERS.name, ENRICHED_TRANSFERS.name, BLOCK_PROOFS.name}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    pipeline = Pipeline.on_devnet(tmp_path_factory.mktemp("clean") / "lake")
    pipeline.run(0, 14)
    return pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 14)
    return pipeline


def _put(pipeline: Pipeline, table: Table, rows: pa.Table, *, out: set[int]) -> None:
    file = write_data_file(pipeline.tables.store, table, rows, partition=PARTITION)
    pipeline.tables.replace_blocks(table, [file] if file else [], partition=PARTITION, numbers=out)


def _rows_of(pipeline: Pipeline, table: Table, number: int) -> pa.Table:
    rows = pipeline.tables.read(table, **PARTITION)
    return rows.filter(pc.equal(rows[table.number_column], number))


def _with(rows: pa.Table, column: str, value: object) -> pa.Table:
    place = rows.column_names.index(column)
    values = pa.array([value] * rows.num_rows, rows.schema.field(column).type)
    return rows.set_column(place, rows.schema.field(column), values)


def _some_block(pipeline: Pipeline, table: Table) -> int:
    rows = pipeline.tables.read(table, **PARTITION)
    return int(pc.min(rows[table.number_column]).as_py())


def _kinds(findings: list[Finding], table: Table) -> dict[str, tuple[int, ...]]:
    return {f.kind: f.numbers for f in findings if f.table == table.name}


def _assert_mended(pipeline: Pipeline, found: list[Finding], clean: Pipeline) -> None:
    untouched = {"000000000010-000000000019"}
    files = {
        name: {path for path in paths if any(key in path for key in untouched)}
        for name, paths in live_files(pipeline.tables).items()
    }
    mend(pipeline.chain, found, pipeline.parts())
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert_same(contents(pipeline.tables), contents(clean.tables))
    for name, paths in live_files(pipeline.tables).items():
        assert {path for path in paths if any(key in path for key in untouched)} == files[name]


def test_nothing_is_wrong_with_a_lake_that_was_just_filled(clean: Pipeline) -> None:
    assert find_gaps(clean.chain, clean.parts()) == []


@pytest.mark.parametrize("depth", [3, 8], ids=["in one range", "by a whole range"])
def test_no_block_is_missing_above_the_head_of_a_chain_that_became_shorter(
    pipeline: Pipeline, tmp_path: Path, depth: int
) -> None:
    """The side that was left is kept, and has blocks of higher numbers."""
    pipeline.run(15, 24)
    head = pipeline.net.reorg(depth, 1)
    pipeline.run(0, head)
    findings = find_gaps(pipeline.chain, pipeline.parts())
    assert not [finding for finding in findings if finding.layer == "raw"]
    mend(pipeline.chain, findings, pipeline.parts())
    assert find_gaps(pipeline.chain, pipeline.parts()) == []
    assert_as_clean(pipeline, tmp_path / "clean", last=head)


@pytest.mark.parametrize("table", LAYERS, ids=lambda table: table.name)
def test_rows_that_stand_twice_are_found_and_mended(
    pipeline: Pipeline, clean: Pipeline, table: Table
) -> None:
    number = _some_block(pipeline, table)
    _put(pipeline, table, _rows_of(pipeline, table, number), out=set())
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert _kinds(found, table)["doubled"] == (number,)
    _assert_mended(pipeline, found, clean)


@pytest.mark.parametrize(
    "table", [t for t in LAYERS if t.name not in _UNCOUNTED], ids=lambda table: table.name
)
def test_rows_that_are_gone_are_found_and_mended(
    pipeline: Pipeline, clean: Pipeline, table: Table
) -> None:
    number = _some_block(pipeline, table)
    _put(pipeline, table, table.file_schema.empty_table(), out={number})
    found = find_gaps(pipeline.chain, pipeline.parts())
    kinds = _kinds(found, table)
    assert kinds.get("missing", kinds.get("torn")) == (number,)
    _assert_mended(pipeline, found, clean)


@pytest.mark.parametrize(
    "table", [BLOCK_PROOFS, *DECODED_TABLES, *ENRICHED_TABLES], ids=lambda table: table.name
)
def test_rows_of_another_fork_are_found_and_mended(
    pipeline: Pipeline, clean: Pipeline, table: Table
) -> None:
    number = _some_block(pipeline, table)
    column = "hash" if table.number_column == "number" else "block_hash"
    foreign = _with(_rows_of(pipeline, table, number), column, bytes(32))
    _put(pipeline, table, foreign, out=set() if table is BLOCK_PROOFS else {number})
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert _kinds(found, table)["orphaned"] == (number,)
    _assert_mended(pipeline, found, clean)


@pytest.mark.parametrize(
    ("name", "column"),
    [("decoded_blocks", "decoder_version"), ("enriched_blocks", "enricher_version")],
)
def test_rows_of_an_older_version_are_stale(
    pipeline: Pipeline, clean: Pipeline, name: str, column: str
) -> None:
    table = TABLES[name]
    old = _with(_rows_of(pipeline, table, 4), column, "0+old")
    _put(pipeline, table, old, out={4})
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert _kinds(found, table)["stale"] == (4,)
    _assert_mended(pipeline, found, clean)


def _lose_blob(pipeline: Pipeline) -> None:
    uri = _rows_of(pipeline, RAW_BLOCKS, 4)["uri"][0].as_py()
    Path(pipeline.tables.storage.uri, uri).unlink()


def _forget_changes(pipeline: Pipeline) -> None:
    _put(pipeline, BLOCK_CHANGES, BLOCK_CHANGES.file_schema.empty_table(), out={9})


@pytest.mark.parametrize(
    ("damage", "kind", "number"),
    [
        pytest.param(_lose_blob, "lost", 4, id="a-blob-that-is-gone"),
        pytest.param(_forget_changes, "untold", 9, id="a-change-that-was-never-told"),
    ],
)
def test_what_stands_beside_the_tables_is_looked_at_too(
    pipeline: Pipeline,
    clean: Pipeline,
    damage: Callable[[Pipeline], None],
    kind: str,
    number: int,
) -> None:
    damage(pipeline)
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert [(finding.kind, finding.numbers) for finding in found] == [(kind, (number,))]
    _assert_mended(pipeline, found, clean)


def test_blocks_that_are_held_are_no_gaps(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    faults = [
        Fault(kind="null_block", blocks=frozenset({3})),
        Fault(kind="missing_log", blocks=frozenset({6})),
    ]
    pipeline.net.faults = Faults(rules=tuple(faults))
    pipeline.run(0, 9)
    assert find_gaps(pipeline.chain, pipeline.parts()) == []


def test_a_range_that_was_never_filled_is_no_gap_but_a_hole_in_one_is(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(20, 22)
    pipeline.run(5, 9)
    found = find_gaps(pipeline.chain, pipeline.parts())
    assert [(finding.kind, finding.layer, finding.numbers) for finding in found] == [
        ("missing", "raw", (0, 1, 2, 3, 4))
    ]


def test_neighbours_that_do_not_link_are_named(pipeline: Pipeline) -> None:
    rows = _with(_rows_of(pipeline, RAW_BLOCKS, 5), "parent_hash", bytes(32))
    _put(pipeline, RAW_BLOCKS, rows, out={5})
    found = find_gaps(pipeline.chain, replace(pipeline.parts()))
    assert _kinds(found, RAW_BLOCKS)["unlinked"] == (4, 5)
