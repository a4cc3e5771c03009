"""A lake that is older than a column: written to, read and asked, it has NULL in the older rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace as changed
from pathlib import Path

import pyarrow as pa
import pytest

from chain_assets.core.schemas.columns import Column
from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake import data_files, reading
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.views import query
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, rows_of

NEWER = changed(
    WITHDRAWALS,
    columns=(*WITHDRAWALS.columns, Column("note", "word", "Newer.", nullable=True)),
)
OLDER = changed(
    WITHDRAWALS, columns=tuple(c for c in WITHDRAWALS.columns if c.name != "amount_gwei")
)
NOTE = bytes(31) + b"\x07"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a lake with the blocks 1 to 3, from before `note`."""
    replace(LakeTables(Storage(str(tmp_path))), [1, 2, 3])
    return tmp_path


def opened(folder: Path) -> LakeTables:
    return LakeTables(Storage(str(folder)))


def write(tables: LakeTables, numbers: list[int], *, block_range: str | None = None) -> None:
    rows = rows_of(numbers).append_column(NEWER.column("note").field, [[NOTE] * len(numbers)])
    partition = PARTITION | ({"block_range": block_range} if block_range else {})
    file = write_data_file(tables.store, NEWER, rows, partition=partition)
    files = [file] if file else []
    tables.replace_blocks(NEWER, files, partition=partition, numbers=set(numbers))


def notes(tables: LakeTables) -> dict[int, bytes | None]:
    rows = tables.read(NEWER, columns=["block_number", "note"])
    return dict(zip(*rows.to_pydict().values(), strict=True))


@pytest.mark.parametrize("small_file", [0, 1024 * 1024], ids=["by columns", "whole files"])
def test_rows_beside_older_ones_keep_the_column_and_those_have_null(
    folder: Path, small_file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (data_files, reading):
        monkeypatch.setattr(module, "SMALL_FILE", small_file)
    tables = opened(folder)
    assert notes(tables) == {1: None, 2: None, 3: None}
    # Block 2 leaves a file whose other rows are written again, with the columns of today.
    write(tables, [2, 4])
    assert notes(tables) == {1: None, 2: NOTE, 3: None, 4: NOTE}
    assert tables.read(NEWER).schema == NEWER.file_schema


def test_others_that_read_the_table_see_the_column(folder: Path) -> None:
    write(opened(folder), [4])
    delta = opened(folder).open(NEWER)
    assert delta is not None
    assert [field.name for field in delta.schema().fields] == NEWER.schema.names
    stored = delta.to_pyarrow_table(columns=["block_number", "note"]).to_pydict()
    assert dict(zip(*stored.values(), strict=True)) == {1: None, 2: None, 3: None, 4: NOTE}


def test_a_column_that_may_be_null_by_now_is_no_longer_said_to_be_always_set(folder: Path) -> None:
    amounts = changed(WITHDRAWALS.column("amount_gwei"), nullable=True)
    relaxed = changed(
        WITHDRAWALS,
        columns=tuple(amounts if c.name == amounts.name else c for c in WITHDRAWALS.columns),
    )
    tables = opened(folder)
    place = relaxed.file_schema.names.index("amount_gwei")
    nothing = pa.nulls(1, amounts.field.type)
    rows = rows_of([4]).set_column(place, amounts.field, nothing)
    file = write_data_file(tables.store, relaxed, rows, partition=PARTITION)
    assert file is not None
    tables.replace_blocks(relaxed, [file], partition=PARTITION, numbers={4})
    delta = opened(folder).open(relaxed)
    assert delta is not None
    (field,) = (f for f in delta.schema().fields if f.name == "amount_gwei")
    assert field.nullable
    found = delta.to_pyarrow_table(columns=["block_number", "amount_gwei"]).to_pydict()
    assert dict(zip(*found.values(), strict=True)) == {1: 1000, 2: 2000, 3: 3000, 4: None}
    tables.replace_blocks(relaxed, [], partition=PARTITION, numbers={1})
    assert delta.version() + 1 == (opened(folder).open(relaxed) or delta).version()


def test_writers_that_add_the_same_column_at_once_both_come_through(folder: Path) -> None:
    ranges = [f"{first:012d}-{first + 99:012d}" for first in range(100, 500, 100)]

    def one(block_range: str) -> None:
        write(opened(folder), [int(block_range[:12])], block_range=block_range)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, ranges))
    assert {number for number, note in notes(opened(folder)).items() if note} == {
        *range(100, 500, 100)
    }


def test_a_lake_that_nobody_wrote_to_since_can_be_asked_for_the_column(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    rows = rows_of([1]).drop_columns(["amount_gwei"])
    file = write_data_file(tables.store, OLDER, rows, partition=PARTITION)
    assert file is not None
    tables.replace_blocks(OLDER, [file], partition=PARTITION, numbers={1})
    answer = query(tables, "SELECT block_number, amount_gwei FROM decoded_withdrawals")
    assert answer.to_pylist() == [{"block_number": 1, "amount_gwei": None}]


def test_a_column_that_is_never_null_cannot_be_made_up(tmp_path: Path) -> None:
    tables = opened(tmp_path)
    rows = rows_of([1]).drop_columns(["amount_gwei"])
    file = write_data_file(tables.store, OLDER, rows, partition=PARTITION)
    assert file is not None
    tables.replace_blocks(OLDER, [file], partition=PARTITION, numbers={1})
    with pytest.raises(KeyError, match="amount_gwei"):
        tables.read(WITHDRAWALS)
    assert tables.read(OLDER).num_rows == 1
