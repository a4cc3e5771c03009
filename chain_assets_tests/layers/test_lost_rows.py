"""A data file that is lost is found by the scanner, and its rows are made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas import BLOCK_PROOFS, RAW_BLOCKS, Table
from chain_assets.core.schemas.abi import CALLS
from chain_assets.core.schemas.decoded import BLOCKS, LOGS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.core.schemas.enriched import TRANSACTIONS as ENRICHED_TRANSACTIONS
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES
from chain_assets.defs.chain_state import read_state
from chain_assets.layers.findings import Finding
from chain_assets.layers.mending import find_gaps, mend
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.killing import killed_at
from chain_assets_tests.lake_fixtures import Pipeline, assert_same, contents
from chain_assets_tests.layers.catching import catch_up_all
from chain_assets_tests.layers.followers import following
from chain_assets_tests.layers.journal import assert_replays, changes_of

_REFERENCE = [ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES]
_TABLES = [RAW_BLOCKS, BLOCKS, BLOCK_PROOFS, CALLS, LOGS, ENRICHED_BLOCKS, ENRICHED_TRANSACTIONS]
_FINAL, _OPEN = "000000000000-000000000009", "000000000020-000000000029"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Blocks 0 to 24, of which 0 to 14 are final; 20 to 22 came before the others."""
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 22)
    pipeline.run(23, 24)
    return pipeline


def _lose(pipeline: Pipeline, table: Table, key: str, *, cut: bool = False) -> None:
    (file, *_) = sorted(
        pipeline.tables.live_files(table, chain="devnet", block_range=key),
        key=lambda live: live[f"min.{table.number_column}"],
    )
    path = Path(pipeline.tables.storage.uri) / table.name / file["path"]
    if cut:
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.unlink()


def _gaps(pipeline: Pipeline) -> list[Finding]:
    # As a command does, which has nothing of the tables in memory.
    fresh = pipeline.into(Path(pipeline.tables.storage.uri))
    return find_gaps(fresh.chain, fresh.parts())


def _mend(pipeline: Pipeline, found: list[Finding]) -> None:
    fresh = pipeline.into(Path(pipeline.tables.storage.uri))
    mend(fresh.chain, found, fresh.parts())


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("key", [_FINAL, _OPEN], ids=["final", "open"])
def test_it_is_named_and_its_rows_are_made_anew(pipeline: Pipeline, table: Table, key: str) -> None:
    rows, told = contents(pipeline.tables), changes_of(pipeline)
    _lose(pipeline, table, key, cut=key == _OPEN)
    (found,) = _gaps(pipeline)
    assert (found.kind, found.table, found.block_range.key) == ("gone", table.name, key)
    _mend(pipeline, [found])
    assert _gaps(pipeline) == []
    assert_same(contents(pipeline.tables), rows)
    assert changes_of(pipeline) == told


def test_neighbouring_ranges_that_have_lost_their_index_get_it_back(pipeline: Pipeline) -> None:
    rows, told = contents(pipeline.tables), changes_of(pipeline)
    for key in (_FINAL, "000000000010-000000000019", _OPEN):
        _lose(pipeline, RAW_BLOCKS, key)
    _mend(pipeline, _gaps(pipeline))
    assert _gaps(pipeline) == []
    assert_same(contents(pipeline.tables), rows)
    assert changes_of(pipeline) == told


@pytest.mark.parametrize("table", [BLOCKS, BLOCK_PROOFS, CALLS], ids=lambda table: table.name)
@pytest.mark.parametrize("visit", [1, 2, 3])
def test_killed_in_between_it_is_made_good_by_the_next(
    pipeline: Pipeline, table: Table, visit: int
) -> None:
    rows = contents(pipeline.tables)
    for each in {table, CALLS}:
        _lose(pipeline, each, _FINAL)
    found = _gaps(pipeline)
    points = [BLOCKS.name, CALLS.name, table.name]
    with killed_at("commit made", points[visit - 1]):
        _mend(pipeline, found)
    _mend(pipeline, _gaps(pipeline))
    catch_up_all(pipeline.into(Path(pipeline.tables.storage.uri)))
    assert _gaps(pipeline) == []
    assert_same(contents(pipeline.tables), rows)
    assert_replays(pipeline)


@pytest.mark.parametrize("point", ["commit to make", "commit made"])
def test_a_lost_index_is_never_told_as_a_reorg(pipeline: Pipeline, point: str) -> None:
    rows, told = contents(pipeline.tables), changes_of(pipeline)
    # Of 20 to 22; that of 23 and 24 is there.
    _lose(pipeline, RAW_BLOCKS, _OPEN)
    with killed_at(point, RAW_BLOCKS.name):
        _mend(pipeline, _gaps(pipeline))
    if point == "commit made":
        catch_up_all(pipeline.into(Path(pipeline.tables.storage.uri)))
    _mend(pipeline, _gaps(pipeline))
    assert _gaps(pipeline) == []
    assert_same(contents(pipeline.tables), rows)
    assert changes_of(pipeline) == told


def test_what_is_wrong_elsewhere_is_found_beside_it(pipeline: Pipeline) -> None:
    _lose(pipeline, LOGS, _FINAL)
    (blob,) = (Path(pipeline.tables.storage.uri) / "raw").rglob(f"{24:012d}-*.zst")
    blob.unlink()
    assert [(f.kind, f.block_range.key) for f in _gaps(pipeline)] == [
        ("gone", _FINAL),
        ("lost", _OPEN),
    ]


def test_a_follower_goes_on_with_newer_ranges(pipeline: Pipeline) -> None:
    _lose(pipeline, BLOCKS, "000000000010-000000000019")
    with following(pipeline.into(Path(pipeline.tables.storage.uri))) as follower:
        follower.reach(pipeline.net.advance(1))
        follower.reach(pipeline.net.advance(1))
    _mend(pipeline, _gaps(pipeline))
    assert _gaps(pipeline) == []


def test_catching_up_names_the_range_and_goes_on_with_the_next(pipeline: Pipeline) -> None:
    middle = "000000000010-000000000019"
    for key, number in ((_FINAL, 2), (middle, 12)):
        partition = {"chain": "devnet", "block_range": key}
        pipeline.tables.replace_blocks(ENRICHED_BLOCKS, [], partition=partition, numbers={number})
    pipeline.net.advance(10)
    _lose(pipeline, BLOCKS, _FINAL)
    fresh = pipeline.into(Path(pipeline.tables.storage.uri))
    caught = {one.block_range.start: one for one in catch_up_all(fresh)}
    assert isinstance(caught[0].error, StorageFailed)
    assert (caught[10].written, caught[10].error) == (1, None)
    _mend(pipeline, _gaps(pipeline))
    assert _gaps(pipeline) == []


@pytest.mark.parametrize("cut", [False, True], ids=["gone", "cut"])
@pytest.mark.parametrize("table", _REFERENCE, ids=lambda table: table.name)
def test_labels_tokens_and_prices_are_written_anew_by_the_next_run(
    pipeline: Pipeline, table: Table, cut: bool
) -> None:
    rows = contents(pipeline.tables)
    (file,) = pipeline.tables.live_files(table)
    path = Path(pipeline.tables.storage.uri) / table.name / file["path"]
    if cut:
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.unlink()
    with pytest.raises(StorageFailed, match="writes its rows anew, from your files"):
        _gaps(pipeline)
    fresh = pipeline.into(Path(pipeline.tables.storage.uri))
    fresh.run(0, 24)
    assert _gaps(pipeline) == []
    assert_same(contents(fresh.tables), rows)


def _forget_raw(pipeline: Pipeline) -> None:
    """As a table that was put back from an older copy: nothing of a range is in it."""
    partition = {"chain": "devnet", "block_range": _FINAL}
    pipeline.tables.replace_blocks(RAW_BLOCKS, [], partition=partition, numbers=None)


def test_a_final_range_that_raw_blocks_has_nothing_of_is_found_and_mended(
    pipeline: Pipeline,
) -> None:
    before = contents(pipeline.tables)
    _forget_raw(pipeline)
    found = _gaps(pipeline)
    assert {(f.kind, f.table) for f in found} >= {("missing", RAW_BLOCKS.name)}
    assert {f.block_range.key for f in found} == {_FINAL}
    _mend(pipeline, found)
    assert_same(contents(pipeline.tables), before)
    assert not _gaps(pipeline)


def test_a_final_range_that_raw_blocks_has_nothing_of_is_behind(pipeline: Pipeline) -> None:
    before = contents(pipeline.tables)
    _forget_raw(pipeline)
    source = DevnetSource(pipeline.net)
    state = read_state(pipeline.chain, source=source, tables=pipeline.tables, ops=pipeline.ops)
    assert not state.holdings.blocks.get(_FINAL)
    catch_up_all(pipeline)
    assert_same(contents(pipeline.tables), before)
