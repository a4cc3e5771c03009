"""Binary columns as the kernels see them: where each value stands in memory, and its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.abi.kernel.memory import inlined, load_byte, load_half

Longs = npt.NDArray[np.int64]

# What a kernel is told of a column, by position: addresses, and how many bytes at the start of
# each value are left out.
_DATA, _OFFSETS, _VALIDITY, _LEFT_OUT, _FIRST = range(5)
_ONE = np.uint64(1)


@dataclass(frozen=True)
class Sources:
    """Columns of `count` values each, one row of numbers in `columns` for every one.

    `arrays` own the memory, which lives as long as this does.
    """

    columns: Longs
    count: int
    arrays: tuple[Any, ...]

    def without_first(self) -> Sources:
        """All columns but the first."""
        return Sources(self.columns[1:], self.count, self.arrays)

    def shortened(self, size: int) -> Sources:
        """The first column, without the first `size` bytes of each value."""
        columns = self.columns[:1].copy()
        columns[0, _LEFT_OUT] = size
        return Sources(columns, self.count, self.arrays)


def read_sources(columns: Sequence[Any]) -> Sources:
    """Arrow binary columns of one length, chunked or not, of fixed or of variable size."""
    arrays = tuple(_plain(column) for column in columns)
    rows = []
    for array in arrays:
        validity, offsets, data = array.buffers()
        addresses = [0 if one is None else one.address for one in (data, offsets, validity)]
        if not array.null_count:
            addresses[2] = 0
        rows.append([*addresses, 0, array.offset])
    return Sources(np.array(rows, np.int64), len(arrays[0]), arrays)


def _plain(column: Any) -> Any:
    array = column
    if isinstance(column, pa.ChunkedArray):
        # Combining copies, even a single chunk.
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return array if array.type == pa.binary() else array.cast(pa.binary())


@inlined
def place_of(columns: Longs, column: int, row: int) -> int:
    """The address of a value."""
    offset = columns[column, _OFFSETS] + 4 * (columns[column, _FIRST] + row)
    start = np.int64(load_half(offset))
    return int(columns[column, _DATA] + columns[column, _LEFT_OUT] + start)


@inlined
def size_of(columns: Longs, column: int, row: int) -> int:
    """The bytes of a value; negative where it is shorter than what is left out."""
    offset = columns[column, _OFFSETS] + 4 * (columns[column, _FIRST] + row)
    size = np.int64(load_half(offset + 4)) - np.int64(load_half(offset))
    return int(size - columns[column, _LEFT_OUT])


@inlined
def is_null(columns: Longs, column: int, row: int) -> bool:
    """Whether there is no value."""
    validity, at = columns[column, _VALIDITY], columns[column, _FIRST] + row
    if validity == 0:
        return False
    return bool(load_byte(validity + (at >> 3)) >> np.uint64(at & 7) & _ONE != _ONE)
