"""Blocks that the chain may yet replace lie in small files, however many are written at once.

    older   in one file a table, as large as a task makes it
    young   in files of at most 16 blocks, as a follower leaves them, until their range is closed

A file is written again as a whole where a row of it is replaced. So a reorg costs what its blocks
cost, also where a run has just written a thousand others beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.schemas import RAW_BLOCKS, Table
from chain_assets.lake.data_files import DataFile, write_data_file
from chain_assets.lake.storage import ObjectStore
from chain_assets.lake.tables import LakeTables

SMALL_FILE_BLOCKS = 16
# A chain that allows reorgs of thousands of blocks would have hundreds of files a table.
_MOST_YOUNG = 256


def young_from(chain: Chain, tables: LakeTables, writing: Sequence[int]) -> int:
    """From which block on blocks may yet be replaced, where the blocks `writing` are to be written.

    It is reckoned from the newest block of the lake, and only decides how rows are laid out: the
    node, who knows better, need not be asked.
    """
    if len(writing) <= SMALL_FILE_BLOCKS:
        # They lie in a small file anyhow, and of a long chain the ranges take a while to list: a
        # follower would do so at each block.
        return max(writing, default=0) + 1
    newest = tables.range_keys(RAW_BLOCKS, chain=chain.name)[-1]
    files = tables.live_files(RAW_BLOCKS, chain=chain.name, block_range=newest)
    head: int = max(file["max.number"] for file in files)
    return head + 1 - min(chain.max_reorg_depth, _MOST_YOUNG)


def write_rows(
    store: ObjectStore, table: Table, rows: pa.Table, *, partition: dict[str, str], young: int
) -> list[DataFile]:
    """The rows, in the order of their blocks, as files: those from block `young` on in small ones.

    Raises as `write_data_file`.
    """
    files = (
        write_data_file(store, table, piece, partition=partition)
        for piece in _pieces(rows, table, young)
    )
    return [file for file in files if file is not None]


def _pieces(rows: pa.Table, table: Table, young: int) -> Iterator[pa.Table]:
    numbers: np.ndarray[Any, np.dtype[np.int64]] = rows[table.number_column].to_numpy()
    piece = np.maximum((numbers - young) // SMALL_FILE_BLOCKS, -1)
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(numbers)]
    for start, stop in pairwise(cuts):
        yield rows.slice(start, stop - start)
