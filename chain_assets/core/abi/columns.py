"""Columns: binary columns going into the decoder, and decoded values of many rows coming out.

A decoded argument is a tree like its type: words, blobs, lists (offsets into one column of all
items, as in Arrow) and tuples. Rows that turned out bad have values too, which mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.fates import Mask, Positions
from chain_assets.core.abi.types import WORD_BYTES, ArrayType, BlobType, TupleType, WordType
from chain_assets.core.words import Bytes2D

Bytes1D = npt.NDArray[np.uint8]

# Bytes of arguments decoded at once: enough for the cost of a NumPy call to vanish (some hundred
# blocks), and few enough for a batch full of hostile rows to stay below a gigabyte.
BATCH_BYTES = 4 << 20
# What a row costs besides the bytes of its arguments, so that empty rows come in slices too.
_ROW_BYTES = 64


@dataclass(frozen=True)
class WordColumn:
    """One word a value: `(n, 32)` bytes, checked against the type."""

    type: WordType
    words: Bytes2D

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class BlobColumn:
    """`bytes` as an Arrow binary array, `string` as an Arrow string array (valid UTF-8)."""

    type: BlobType
    values: Any

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class ListColumn:
    """Value i is `items[offsets[i]:offsets[i + 1]]`."""

    type: ArrayType
    offsets: Positions
    items: Column

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class TupleColumn:
    """One column for each component."""

    type: TupleType
    fields: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.fields[0])


Column = WordColumn | BlobColumn | ListColumn | TupleColumn


@dataclass(frozen=True)
class BinaryColumn:
    """A binary column as NumPy sees it: value i is `data[starts[i]:ends[i]]`, if present."""

    data: Bytes1D
    starts: Positions
    ends: Positions
    present: Mask

    @property
    def sizes(self) -> Positions:
        return self.ends - self.starts

    def words(self, rows: Positions) -> Bytes2D:
        """The values of `rows` as words; each of them must have 32 bytes."""
        return read_words(self.data, self.starts[rows])


def binary_column(column: Any) -> BinaryColumn:
    """A view of an Arrow binary array, chunked or not, of fixed or of variable size."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.type != pa.binary():
        array = array.cast(pa.binary())
    _, offsets_buffer, data_buffer = array.buffers()
    # An empty array may come without offsets.
    stored = np.frombuffer(offsets_buffer, np.int32) if len(array) else np.zeros(1, np.int32)
    offsets = stored[array.offset if len(array) else 0 :][: len(array) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer or b"", np.uint8)
    if len(data) < WORD_BYTES:
        data = np.concatenate([data, np.zeros(WORD_BYTES, np.uint8)])
    present = np.asarray(pc.is_valid(array))
    return BinaryColumn(data, offsets[:-1], offsets[1:], present)


def read_words(data: Bytes1D, positions: Positions) -> Bytes2D:
    """The 32 bytes at each of `positions` (bytes, at most `len(data) - 32`), copied."""
    # A view of overlapping items, one at every byte: an index copies whole words at once.
    everywhere: Any = np.ndarray((len(data) - WORD_BYTES + 1,), "V32", data.data, 0, (1,))
    words: Bytes2D = everywhere[positions].view(np.uint8).reshape(len(positions), WORD_BYTES)
    return words


def batches(table: Any, *, sized_by: str, limit: int = BATCH_BYTES) -> Iterator[Any]:
    """The rows of `table` in order, in slices of about `limit` bytes of the column `sized_by`.

    An empty table is one empty slice. A single row of more bytes is a slice of its own.
    """
    if table[sized_by].nbytes + _ROW_BYTES * table.num_rows <= limit:
        yield table
        return
    sizes = pc.fill_null(pc.binary_length(table[sized_by]), 0).to_numpy().astype(np.int64)
    for start, stop in row_runs(sizes, limit=limit):
        yield table.slice(start, stop - start)


def row_runs(sizes: Positions, *, limit: int) -> Iterator[tuple[int, int]]:
    """First row and end of runs of about `limit` bytes; `sizes` are those of the rows."""
    totals = np.cumsum(sizes + _ROW_BYTES)
    start = 0
    while start < len(sizes) or start == 0:
        before = totals[start - 1] if start else 0
        stop = int(np.searchsorted(totals, before + limit, side="right"))
        stop = max(stop, start + 1)
        yield start, stop
        start = stop
