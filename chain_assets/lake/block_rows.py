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
    """A live file, and what takes its place: None where no row is left. `rows` were concerned;
    `blocks` are those whose rows were marked."""

    old: dict[str, Any]
    rows: int
    file: DataFile | None
    blocks: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Concerned:
    """A live file that has rows of the blocks asked for: `mine` says which, of all its rows, whose
    blocks are `numbers`."""

    live: dict[str, Any]
    file: pq.ParquetFile
    mine: npt.NDArray[np.bool_]
    numbers: pa.ChunkedArray


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
        remade.append(Remade(found.live, count, file))
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
        mine = pa.array(found.mine)
        marked = pc.if_else(mine, text, rows[column].combine_chunks())
        rows = rows.set_column(place, rows.schema.field(place), marked)
        file = write_data_file(store, table, rows, partition=partition)
        blocks = frozenset(pc.unique(found.numbers.filter(mine)).to_pylist())
        remade.append(Remade(found.live, mine.true_count, file, blocks))
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
                yield Concerned(action, file, among.to_numpy(zero_copy_only=False), theirs)


def _kept(rows: pa.Table, keep: npt.NDArray[np.bool_]) -> pa.Table:
    runs = list(_runs(keep))
    if len(runs) > _MOST_SLICES:
        return rows.filter(pa.array(keep))
    return pa.concat_tables([rows.slice(start, stop - start) for start, stop in runs])


def _runs(keep: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """From where to where rows are kept."""
    bounds = [0, *(np.flatnonzero(np.diff(keep)) + 1).tolist(), len(keep)]
    yield from ((start, stop) for start, stop in pairwise(bounds) if keep[start])
