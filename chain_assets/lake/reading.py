"""Rows of live files: small files whole and only once, large ones by the columns asked for.

A file of a table never changes. The open range of a chain consists of many small files, and all
but the newest were read for the block before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from chain_assets.core.schemas import Table
from chain_assets.lake.data_files import SMALL_FILE, read_data_file
from chain_assets.lake.recent_rows import RecentRows
from chain_assets.lake.storage import ObjectStore

T = TypeVar("T")


class RowReader:
    """The rows of a lake's live files. Threads may share it. All methods raise StorageFailed."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._recent = RecentRows()

    def read(
        self, table: Table, files: Sequence[dict[str, Any]], columns: Sequence[str]
    ) -> pa.Table:
        """The `columns` of these live files, those of their partitions too."""
        schema = table.schema_of(columns)
        return pa.concat_tables(
            [schema.empty_table(), *(self._rows(table, file, schema) for file in files)]
        )

    def parsed(
        self, table: Table, files: Sequence[dict[str, Any]], parse: Callable[[pa.Table], T]
    ) -> list[T]:
        """`parse` of the rows of each live file; of a small file only once."""

        return [
            self._recent.get(
                (parse, file["path"]),
                partial(self._parsed, table, file, parse),
                size=_size(file),
            )
            for file in files
        ]

    def _parsed(self, table: Table, file: dict[str, Any], parse: Callable[[pa.Table], T]) -> T:
        return parse(self._rows(table, file, table.file_schema))

    def _rows(self, table: Table, file: dict[str, Any], schema: pa.Schema) -> pa.Table:
        of_partition = {column.name for column in table.partition_columns}
        own = [name for name in schema.names if name not in of_partition]
        # Also where no column of the file is asked for, its rows have to be counted.
        names = tuple(own or [table.number_column])
        rows = self._recent.get(
            (names, file["path"]), partial(self._columns, table, file, names), size=_size(file)
        )
        return pa.table(
            [
                pa.repeat(pa.scalar(file[f"partition.{field.name}"], field.type), len(rows))
                if field.name in of_partition
                else rows[field.name]
                for field in schema
            ],
            schema=schema,
        )

    def _columns(self, table: Table, file: dict[str, Any], names: Sequence[str]) -> pa.Table:
        size = file["size_bytes"]
        return read_data_file(self._store, table, file["path"], size=size, columns=names)


def _size(file: dict[str, Any]) -> int | None:
    """What a file takes of the memory for recent ones; None where it is too large for that."""
    size: int = file["size_bytes"]
    return size if size <= SMALL_FILE else None
