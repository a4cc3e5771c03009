"""The Parquet files of the tables: written by workers, read by workers and the driver.

Nothing sees a file until a commit of its table names it (tables.py).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas import Table
from chain_assets.core.schemas.columns import check_table
from chain_assets.lake.statistics import statistics
from chain_assets.lake.storage import ObjectStore

_ROW_GROUP_ROWS = 128 * 1024
# A dictionary pays where few values fill many rows, and costs twice the time where they do not:
# benchmarks/bench_parquet.py has the figures.
_DICTIONARY_KINDS = ("address", "text")
_DICTIONARY_COLUMNS = {
    *("number", "block_number", "block_hash", "transaction_index", "log_index", "batch_index"),
    *("topic0", "topic1", "topic2", "type", "chain_id", "v", "y_parity", "status", "log_count"),
}
_NO_DICTIONARY = {"args"}
# Nothing is lost with a table but the time to make it anew: the blobs hold it all.
LOST_FILE = "Move the folders of all tables of its layer away, and run its ranges again"


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that a worker wrote; `path` is relative to its table, `stats` Delta's JSON."""

    table: str
    path: str
    size: int
    rows: int
    stats: str


def write_options(table: Table) -> dict[str, Any]:
    """How the files of `table` are written, as arguments of `pyarrow.parquet.write_table`."""
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [
            column.name
            for column in table.columns
            if (column.kind in _DICTIONARY_KINDS or column.name in _DICTIONARY_COLUMNS)
            and column.name not in _NO_DICTIONARY
        ],
        # Of use where values are near each other in a row group; a hash's bounds exclude nothing.
        "write_statistics": [
            column.name for column in table.columns if column.kind in ("quantity", "timestamp")
        ],
        "row_group_size": _ROW_GROUP_ROWS,
    }


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
    pq.write_table(data, sink, **write_options(table))
    content = sink.getvalue().to_pybytes()
    folder = "/".join(f"{name}={value}" for name, value in partition.items())
    path = f"{folder}/{uuid.uuid4().hex}.parquet"
    store.put(f"{table.name}/{path}", content)
    return DataFile(table.name, path, len(content), data.num_rows, statistics(data))


def read_data_file(
    store: ObjectStore, table: Table, path: str, *, blocks: tuple[int, int] | None = None
) -> pa.Table:
    """The file columns of a live file; with `blocks` only of these (first and last, included).

    Raises StorageFailed, also where the file is gone or is no Parquet.
    """
    number = table.number_column
    filters = blocks and [(number, ">=", blocks[0]), (number, "<=", blocks[1])]
    try:
        content = store.get(f"{table.name}/{path}")
        rows = pq.read_table(pa.BufferReader(content), filters=filters)
    except (FileNotFoundError, pa.ArrowException, OSError) as error:
        what = "is gone" if isinstance(error, FileNotFoundError) else f"is damaged: {error}"
        raise StorageFailed(
            f"the file {table.name}/{path} {what}", table=table.name, todo=LOST_FILE
        ) from error
    return rows.select(table.file_schema.names).cast(table.file_schema)
