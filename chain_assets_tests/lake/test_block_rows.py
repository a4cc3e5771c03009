"""Live files made anew: small ones read whole, large ones in parts, on disk and in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest

from chain_assets.core.schemas.decoded import BLOCKS, WITHDRAWALS
from chain_assets.lake import data_files
from chain_assets.lake.data_files import open_data_file, read_columns, write_data_file
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, rows_of, stored
from chain_assets_tests.lake_fixtures import Pipeline, s3_lake


@pytest.fixture(params=["local", "s3"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LakeTables]:
    if request.param == "local":
        yield LakeTables(Storage(str(tmp_path / "a lake")))
        return
    with s3_lake() as storage:
        yield LakeTables(storage)


@pytest.fixture(params=["read whole", "read in parts"], autouse=True)
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "read in parts":
        monkeypatch.setattr(data_files, "SMALL_FILE", 0)


def test_the_other_rows_of_a_file_are_as_they_were(tables: LakeTables) -> None:
    replace(tables, range(200), value=1)
    replace(tables, [0, 57, 58, 199], value=2)
    assert stored(tables) == dict.fromkeys(range(200), 1) | dict.fromkeys([0, 57, 58, 199], 2)


def test_blocks_far_apart_in_a_file_are_taken_out_as_well(tables: LakeTables) -> None:
    replace(tables, range(200), value=1)
    replace(tables, [], remove=range(0, 200, 2))
    assert stored(tables) == dict.fromkeys(range(1, 200, 2), 1)


def test_a_block_that_is_in_no_file_changes_no_file(tables: LakeTables) -> None:
    replace(tables, [*range(50), *range(51, 100)])
    [before] = tables.live_files(WITHDRAWALS)
    replace(tables, [50], value=7)
    assert before["path"] in {file["path"] for file in tables.live_files(WITHDRAWALS)}
    assert stored(tables)[50] == 7


def test_a_mark_changes_one_column_of_its_blocks_and_nothing_else(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 9)
    before = pipeline.tables.read(BLOCKS)
    [file] = pipeline.tables.live_files(BLOCKS)
    partition = {name: file[f"partition.{name}"] for name in ("chain", "block_range")}
    found = pipeline.tables.mark_blocks(
        BLOCKS, partition=partition, numbers={3, 8, 70}, column="decoder_version", text="old"
    )
    assert found == {3, 8}
    after = pipeline.tables.read(BLOCKS).sort_by("number")
    assert after.drop("decoder_version").equals(before.sort_by("number").drop("decoder_version"))
    marked = after.filter(pc.equal(after["decoder_version"], "old"))
    assert marked["number"].to_pylist() == [3, 8]


def test_of_a_large_file_only_the_row_groups_of_the_blocks_are_read(
    tables: LakeTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "_ROW_GROUP_ROWS", 10)
    rows = rows_of(range(100))
    file = write_data_file(tables.store, WITHDRAWALS, rows, partition=PARTITION)
    assert file is not None
    opened = open_data_file(tables.store, WITHDRAWALS, file.path, size=file.size)
    read = read_columns(opened, WITHDRAWALS, file.path, blocks=(18, 41))
    assert read.equals(rows.slice(10, 40))
