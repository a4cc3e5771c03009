"""The Parquet files of the tables: written by workers, read by workers and the driver.

Nothing sees a file until a commit of its table names it (tables.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chain_assets.core.errors import StorageFailed
from chain_assets.core.fault_points import fault_point
from chain_assets.core.schemas import Table
from chain_assets.core.schemas.columns import Column, check_table
from chain_assets.lake.statistics import statistics
from chain_assets.lake.storage import ObjectStore

_ROW_GROUP_ROWS = 128 * 1024
# How each column is written was measured, on made and on real blocks: benchmarks/bench_parquet.py.
# A dictionary pays where few values fill many rows, and costs twice the time where they do not.
_DICTIONARY_KINDS = ("address", "text")
_DICTIONARY_HASHES = {"block_hash", "topic0", "topic1", "topic2"}
_NO_DICTIONARY = {"args"}
# Differences of neighbours are smaller than any dictionary's indices, and made in half the time.
_DELTA_KINDS = ("quantity",)
# What differs in every row by design: zstd takes longer over it than Parquet, and gains nothing.
_RANDOM = {"hash", "r", "s"}
# zstd's fast mode makes these as small as its level 1 does, in two thirds of the time.
_FAST_KINDS = ("hash", "data", "word", "quantity", "amount", "timestamp")
_FAST, _NORMAL = -1, 1
# For each column zstd makes tables that take as long as thousands of rows. Snappy makes none: to
# write and to read the file of one block takes half the time, and it is a tenth larger.
_FEW_ROWS = 4096
# In bytes. Where a file is larger, fetching all of it takes longer than some more requests.
SMALL_FILE = 1024 * 1024
# Nothing is lost with a table but the time to make it anew: the blobs hold it all.
LOST_FILE = (
    "`chain-assets gaps --apply` makes the rows of lost files anew; where it does not, move the "
    "folders of all tables of its layer away, and run its ranges again"
)


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that a worker wrote; `path` is relative to its table, `stats` Delta's JSON."""

    table: str
    path: str
    size: int
    rows: int
    stats: str


def write_options(table: Table, *, rows: int) -> dict[str, Any]:
    """How `rows` rows of `table` are written, as arguments of `pyarrow.parquet.write_table`."""
    dictionary = {column.name for column in table.columns if _has_dictionary(column)}
    fast = {column.name for column in table.columns if column.kind in _FAST_KINDS} - dictionary
    # A codec is named by the leaves of a nested column; a column without any is not compressed.
    leaves = {column.name: _leaves(column.field) for column in table.columns}
    compressed = [leaf for name, own in leaves.items() if name not in _RANDOM for leaf in own]
    levels = {leaf: _FAST if leaf in fast else _NORMAL for leaf in compressed}
    few = rows <= _FEW_ROWS
    return {
        "compression": dict.fromkeys(compressed, "snappy" if few else "zstd"),
        "compression_level": None if few else levels,
        "use_dictionary": sorted(dictionary),
        "column_encoding": {
            column.name: "DELTA_BINARY_PACKED"
            for column in table.columns
            if column.kind in _DELTA_KINDS
        },
        # Of use where values are near each other in a row group; a hash's bounds exclude nothing.
        "write_statistics": [
            column.name for column in table.columns if column.kind in ("quantity", "timestamp")
        ],
        "row_group_size": _ROW_GROUP_ROWS,
    }


def _has_dictionary(column: Column) -> bool:
    if column.name in _NO_DICTIONARY:
        return False
    return column.kind in _DICTIONARY_KINDS or column.name in _DICTIONARY_HASHES


def _leaves(field: pa.Field, path: str = "") -> list[str]:
    """The paths of the Parquet columns that `field` becomes."""
    path += field.name
    if pa.types.is_struct(field.type):
        return [leaf for own in field.type for leaf in _leaves(own, f"{path}.")]
    if pa.types.is_list(field.type):
        return _leaves(field.type.value_field.with_name("element"), f"{path}.list.")
    return [path]


def write_data_file(
    store: ObjectStore, table: Table, data: pa.Table, *, partition: dict[str, str]
) -> DataFile | None:
    """Write `data` (the file columns of `table`) as one Parquet file; None where it has no rows.

    Raises StorageFailed, and ValueError where the data break the table's contract.
    """
    data = check_table(table, data)
    if not data.num_rows:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(data, sink, **write_options(table, rows=data.num_rows))
    content = sink.getvalue()
    folder = "/".join(f"{name}={value}" for name, value in partition.items())
    path = f"{folder}/{uuid.uuid4().hex}.parquet"
    fault_point("file to store", table.name)
    store.put(f"{table.name}/{path}", content)
    store.settle(f"{table.name}/{path}")
    fault_point("file stored", table.name)
    return DataFile(table.name, path, content.size, data.num_rows, statistics(data))


def read_data_file(
    store: ObjectStore,
    table: Table,
    path: str,
    *,
    size: int,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of a live file.

    `size` is the file's, in bytes; `columns` are those wanted, by default all of the file. Raises
    StorageFailed, also where the file is gone or is no Parquet.
    """
    return read_columns(open_data_file(store, table, path, size=size), table, path, columns)


def open_data_file(store: ObjectStore, table: Table, path: str, *, size: int) -> pq.ParquetFile:
    """A live file, to read some columns first and more later. Raises StorageFailed."""
    name = f"{table.name}/{path}"
    with _losses(table, path):
        if size <= SMALL_FILE:
            return pq.ParquetFile(pa.BufferReader(store.get(name)))
        return pq.ParquetFile(store.open(name), pre_buffer=True)


def read_columns(
    file: pq.ParquetFile,
    table: Table,
    path: str,
    columns: Sequence[str] | None = None,
    *,
    blocks: tuple[int, int] | None = None,
) -> pa.Table:
    """As `read_data_file`, of a file that is open; with `blocks` (first and last, included) at
    least the rows of these."""
    wanted = list(columns) if columns is not None else table.file_schema.names
    groups = range(file.num_row_groups) if blocks is None else _groups_of(file, table, blocks)
    # Threads of Arrow's own cost more than they save while a file is small.
    threads = file.metadata.num_rows > _ROW_GROUP_ROWS
    # A file that is older than a column has none.
    there = set(file.schema_arrow.names)
    stored = [name for name in wanted if name in there]
    with _losses(table, path):
        rows = file.read_row_groups(list(groups), columns=stored, use_threads=threads)
    return _completed(rows, table, wanted)


def _completed(rows: pa.Table, table: Table, names: Sequence[str]) -> pa.Table:
    """The columns `names` of a file's rows, as the contract has them; NULL where it is older.

    Raises KeyError where a column is not there that is never NULL.
    """
    there = set(rows.column_names)
    for column in map(table.column, set(names) - there):
        if column.nullable:
            rows = rows.append_column(column.field, pa.nulls(len(rows), column.field.type))
    rows, schema = rows.select(names), table.schema_of(names)
    return rows if rows.schema.equals(schema) else rows.cast(schema)


def _groups_of(file: pq.ParquetFile, table: Table, blocks: tuple[int, int]) -> Iterator[int]:
    """The row groups that may have rows of these blocks."""
    leaves = [file.schema.column(place).path for place in range(len(file.schema))]
    place = leaves.index(table.number_column)
    for group in range(file.num_row_groups):
        bounds = file.metadata.row_group(group).column(place).statistics
        known = bounds is not None and bounds.has_min_max
        if not known or (bounds.min <= blocks[1] and bounds.max >= blocks[0]):
            yield group


@contextmanager
def _losses(table: Table, path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, pa.ArrowException, OSError) as error:
        raise lost_file(table, path, error) from error


def lost_file(table: Table, path: str, error: Exception) -> StorageFailed:
    """The error for a live file that cannot be read."""
    what = "is gone" if isinstance(error, FileNotFoundError) else f"is damaged: {error}"
    return StorageFailed(f"the file {table.name}/{path} {what}", table=table.name, todo=LOST_FILE)
