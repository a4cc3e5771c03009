"""A live file made anew: without the rows of some blocks, or with a mark on them.

    numbers read ─→ none of these blocks? the file stays as it is
                 └→ all columns read, cut where the blocks begin and end ─→ one new file

Nothing is sorted or copied row by row: rows of a block stand side by side, so a file is cut into a
few slices. What a repair costs is reading and writing such a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from chain_assets.core.schemas import Table
from chain_assets.lake.actions import may_hold
from chain_assets.lake.data_files import DataFile, open_data_file, read_columns, write_data_file
from chain_assets.lake.storage import ObjectStore

# Beyond this many slices, copying the rows out is cheaper than writing each slice.
_MOST_SLICES = 64


@dataclass(frozen=True)
class Remade:
    """A live file, and what takes its place: None where no row is left. `rows` were concerned; they
    are of `blocks`, where single blocks were asked for."""

    old: dict[str, Any]
    rows: int
    file: DataFile | None
    blocks: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Concerned:
    """A live file that has rows of the blocks asked for, of `blocks`: `mine` says which."""

    live: dict[str, Any]
    file: pq.ParquetFile
    mine: npt.NDArray[np.bool_]
    blocks: frozenset[int]


def without_blocks(
    store: ObjectStore,
    table: Table,
    live: Sequence[dict[str, Any]],
    *,
    numbers: Collection[int],
    partition: dict[str, str],
) -> list[Remade]:
    """Those of the live files that have rows of blocks `numbers`, without them.

    Raises StorageFailed.
    """
    remade = []
    for found in _concerned(store, table, live, numbers):
        count, file = int(found.mine.sum()), None
        if count < len(found.mine):
            rows = _kept(read_columns(found.file, table, found.live["path"]), ~found.mine)
            file = write_data_file(store, table, rows, partition=partition)
        remade.append(Remade(found.live, count, file, found.blocks))
    return remade


def with_text(
    store: ObjectStore,
    table: Table,
    live: Sequence[dict[str, Any]],
    *,
    numbers: Collection[int],
    column: str,
    text: str,
    partition: dict[str, str],
) -> list[Remade]:
    """Those of the live files that have rows of blocks `numbers`, with `text` in `column` there.

    Raises StorageFailed.
    """
    remade = []
    for found in _concerned(store, table, live, numbers):
        rows = read_columns(found.file, table, found.live["path"])
        place = rows.column_names.index(column)
        marked = pc.if_else(pa.array(found.mine), text, rows[column].combine_chunks())
        rows = rows.set_column(place, rows.schema.field(place), marked)
        file = write_data_file(store, table, rows, partition=partition)
        remade.append(Remade(found.live, int(found.mine.sum()), file, found.blocks))
    return remade


def _concerned(
    store: ObjectStore, table: Table, live: Sequence[dict[str, Any]], numbers: Collection[int]
) -> Iterator[Concerned]:
    """A block that was held until now has no rows anywhere: then nothing but the numbers is read
    of the files that it could be in, however large they are."""
    asked = pa.array(sorted(numbers), pa.int64())
    for action in live:
        if may_hold(action, table, numbers):
            file = open_data_file(store, table, action["path"], size=action["size_bytes"])
            rows = read_columns(file, table, action["path"], [table.number_column])
            theirs = rows[table.number_column]
            among = pc.is_in(theirs, asked).combine_chunks()
            if among.true_count:
                blocks = frozenset(pc.unique(theirs.filter(among)).to_pylist())
                yield Concerned(action, file, among.to_numpy(zero_copy_only=False), blocks)


def _kept(rows: pa.Table, keep: npt.NDArray[np.bool_]) -> pa.Table:
    runs = list(_runs(keep))
    if len(runs) > _MOST_SLICES:
        return rows.filter(pa.array(keep))
    return pa.concat_tables([rows.slice(start, stop - start) for start, stop in runs])


def _runs(keep: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """From where to where rows are kept."""
    bounds = [0, *(np.flatnonzero(np.diff(keep)) + 1).tolist(), len(keep)]
    yield from ((start, stop) for start, stop in pairwise(bounds) if keep[start])
