"""Delta tables: replacing blocks is exact, repeatable, and safe among other writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.errors import CommitConflict, StorageFailed
from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import Commit, LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, rows_of, stored
from chain_assets_tests.lake_fixtures import fill_disk, read_all, small_disk


@pytest.fixture
def tables(tmp_path: Path) -> LakeTables:
    return LakeTables(Storage(str(tmp_path / "a lake")))


def test_a_table_that_was_never_written_is_empty_and_has_its_columns(tables: LakeTables) -> None:
    assert tables.open(WITHDRAWALS) is None
    assert tables.live_files(WITHDRAWALS) == []
    assert tables.read(WITHDRAWALS, **PARTITION).schema == WITHDRAWALS.file_schema
    assert read_all(tables, WITHDRAWALS.name).schema == WITHDRAWALS.schema


def test_the_same_blocks_twice_give_the_same_rows(tables: LakeTables) -> None:
    first = replace(tables, [1, 2, 3])
    before = tables.read(WITHDRAWALS)
    second = replace(tables, [1, 2, 3])
    assert tables.read(WITHDRAWALS).equals(before)
    assert (first.rows_added, first.rows_removed, first.version) == (3, 0, 1)
    assert (second.rows_added, second.rows_removed, second.version) == (3, 3, 2)
    assert len(tables.live_files(WITHDRAWALS)) == 1


def test_nothing_to_do_makes_no_version_and_no_file(tables: LakeTables) -> None:
    replace(tables, [1, 2])
    before = tables.live_files(WITHDRAWALS)
    commit = replace(tables, [], remove=[7])
    assert commit == Commit(WITHDRAWALS.name, 1, 0, 0, 0, changed=False)
    assert tables.live_files(WITHDRAWALS) == before


def test_blocks_that_are_not_replaced_keep_every_column(tables: LakeTables) -> None:
    replace(tables, range(10), value=1)
    commit = replace(tables, [3, 4, 12], value=2)
    assert (commit.rows_added, commit.rows_removed) == (3, 2)
    expected = pa.concat_tables(
        [rows_of([0, 1, 2, *range(5, 10)], value=1), rows_of([3, 4, 12], value=2)]
    )
    assert tables.read(WITHDRAWALS).sort_by("block_number").equals(expected.sort_by("block_number"))


def test_files_without_the_blocks_are_left_alone(tables: LakeTables) -> None:
    replace(tables, [1, 2])
    kept = {file["path"] for file in tables.live_files(WITHDRAWALS)}
    replace(tables, [8, 9])
    replace(tables, [8], value=5)
    assert kept < {file["path"] for file in tables.live_files(WITHDRAWALS)}


def test_blocks_can_be_removed_alone(tables: LakeTables) -> None:
    replace(tables, [1, 2, 3])
    assert replace(tables, [], remove=[2, 3]).rows_removed == 2
    assert stored(tables) == {1: 0}
    assert replace(tables, [], remove=[1]).rows_removed == 1
    assert stored(tables) == {}
    assert tables.live_files(WITHDRAWALS) == []


def test_a_whole_partition_can_be_replaced(tables: LakeTables) -> None:
    other = {**PARTITION, "chain": "other"}
    replace(tables, [1, 2, 3])
    replace(tables, [1], partition=other)
    file = write_data_file(tables.store, WITHDRAWALS, rows_of([2], value=9), partition=PARTITION)
    assert file is not None
    commit = tables.replace_blocks(WITHDRAWALS, [file], partition=PARTITION, numbers=None)
    assert (commit.rows_added, commit.rows_removed) == (1, 3)
    assert stored(tables, **PARTITION) == {2: 9}
    assert stored(tables, **other) == {1: 0}


Step = tuple[frozenset[int], frozenset[int]]


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.frozensets(st.integers(0, 12), max_size=6),
            st.frozensets(st.integers(0, 12), max_size=4),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_sequence_of_replacements_equals_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    tables = LakeTables(Storage(str(tmp_path_factory.mktemp("lake"))))
    model: dict[int, int] = {}
    for value, (written, removed) in enumerate(steps):
        expected = sum(n in model for n in written | removed)
        commit = replace(tables, sorted(written), value=value, remove=sorted(removed))
        model = {n: v for n, v in model.items() if n not in removed} | dict.fromkeys(written, value)
        assert commit.rows_removed == expected
        assert stored(tables, **PARTITION) == model


def test_rows_that_break_the_contract_are_refused_before_anything_is_written(
    tables: LakeTables,
) -> None:
    data = rows_of([1, 2])
    column = data.column_names.index("address")
    with_null = data.set_column(column, "address", pa.array([None, b"x" * 20], pa.binary()))
    with pytest.raises(ValueError, match=r"decoded_withdrawals\.address has NULLs"):
        write_data_file(tables.store, WITHDRAWALS, with_null, partition=PARTITION)
    with pytest.raises(ValueError, match="lacks the columns address"):
        write_data_file(
            tables.store, WITHDRAWALS, data.drop_columns(["address"]), partition=PARTITION
        )
    assert tables.store.sizes(WITHDRAWALS.name) == {}


def _at_once(lake: LakeTables, partitions: list[dict[str, str]]) -> list[Commit | CommitConflict]:
    """Replace block 1 in each partition, all from the same table version."""
    barrier = Barrier(len(partitions))

    def write(value: int) -> Commit | CommitConflict:
        tables = _MeetingTables(lake.storage, barrier)
        try:
            return replace(tables, [1], value=value + 1, partition=partitions[value])
        except CommitConflict as error:
            return error

    with ThreadPoolExecutor(len(partitions)) as pool:
        return list(pool.map(write, range(len(partitions))))


class _MeetingTables(LakeTables):
    """Waits, between reading a table and committing to it, until all writers have read it."""

    def __init__(self, storage: Storage, barrier: Barrier) -> None:
        super().__init__(storage)
        self._barrier = barrier

    def _take_out(self, *arguments: Any) -> Any:
        planned = super()._take_out(*arguments)
        self._barrier.wait(timeout=60)
        return planned


@pytest.mark.parametrize("there_before", [True, False], ids=["over-rows", "into-nothing"])
def test_of_writers_to_one_partition_one_wins_and_the_others_are_told(
    tables: LakeTables, there_before: bool
) -> None:
    replace(tables, [1, 2] if there_before else [])
    outcomes = _at_once(tables, [PARTITION] * 4)
    won = [value for value, outcome in enumerate(outcomes) if isinstance(outcome, Commit)]
    assert len(won) == 1
    assert stored(tables)[1] == won[0] + 1
    lost = [outcome for outcome in outcomes if isinstance(outcome, CommitConflict)]
    assert all("devnet/000000000000-000000000099" in str(error) for error in lost)
    assert all(error.transient and "Run it again" in str(error) for error in lost)
    replace(tables, [1], value=77)
    assert stored(tables)[1] == 77


@pytest.mark.parametrize("there_before", [True, False], ids=["over-rows", "into-nothing"])
def test_writers_to_other_ranges_and_chains_do_not_hinder_each_other(
    tables: LakeTables, there_before: bool
) -> None:
    partitions = [{"chain": c, "block_range": r} for c in ("a", "b") for r in ("1", "2", "3")]
    for partition in partitions:
        replace(tables, [1, 2] if there_before else [], partition=partition)
    outcomes = _at_once(tables, partitions)
    assert all(isinstance(outcome, Commit) for outcome in outcomes), outcomes
    for value, partition in enumerate(partitions):
        expected = {1: value + 1} | ({2: 0} if there_before else {})
        assert stored(tables, **partition) == expected


def test_many_first_writers_of_a_table_all_succeed(tables: LakeTables) -> None:
    partitions = [{"chain": "c", "block_range": str(number)} for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda p: replace(LakeTables(tables.storage), [1], partition=p), partitions))
    assert all(stored(tables, **partition) == {1: 0} for partition in partitions)


def test_a_full_disk_is_a_clear_error_and_no_version(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kib=512) as disk:
        tables = LakeTables(Storage(str(disk / "lake")))
        replace(tables, [1, 2])
        file = write_data_file(tables.store, WITHDRAWALS, rows_of([3]), partition=PARTITION)
        assert file is not None
        ballast = fill_disk(disk)
        with pytest.raises(StorageFailed, match=r"No space left on device.*Free some space") as e:
            tables.replace_blocks(WITHDRAWALS, [file], partition=PARTITION, numbers={3})
        assert "\n" not in str(e.value)
        assert "\x1b" not in str(e.value)
        ballast.unlink()
        assert stored(tables) == {1: 0, 2: 0}
        tables.replace_blocks(WITHDRAWALS, [file], partition=PARTITION, numbers={3})
        assert stored(tables) == {1: 0, 2: 0, 3: 0}


def test_a_lake_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    tables = LakeTables(Storage(str(tmp_path / "file" / "lake")))
    with pytest.raises(StorageFailed, match="Not a directory"):
        tables.replace_blocks(WITHDRAWALS, [], partition=PARTITION, numbers={1})


@pytest.mark.parametrize("damage", ["gone", "no-parquet"])
def test_a_lost_live_file_is_named_with_the_way_out(tables: LakeTables, damage: str) -> None:
    replace(tables, [1, 2])
    (file,) = tables.live_files(WITHDRAWALS)
    path = Path(tables.uri(WITHDRAWALS)) / file["path"]
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"no Parquet at all")
    for attempt in (lambda: replace(tables, [1]), lambda: tables.read(WITHDRAWALS)):
        with pytest.raises(StorageFailed, match=r"decoded_withdrawals.*gaps --apply"):
            attempt()
