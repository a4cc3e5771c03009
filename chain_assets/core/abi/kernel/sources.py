"""Binary columns as the kernels see them: where each value stands in memory, and its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.abi.kernel.memory import compiled

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]

ABSENT = -1


@dataclass(frozen=True)
class Sources:
    """`places[k, i]` is the address of value i of column k, `sizes[k, i]` its bytes.

    The size of a null is ABSENT. `arrays` own the memory: it lives as long as this does.
    """

    places: Longs
    sizes: Longs
    arrays: tuple[Any, ...]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.places.shape[1])

    def only(self, columns: slice | list[int]) -> Sources:
        """Some of the columns, in the order given."""
        return Sources(self.places[columns], self.sizes[columns], self.arrays)


def read_sources(columns: Sequence[Any]) -> Sources:
    """Arrow binary columns of one length, chunked or not, of fixed or of variable size."""
    arrays = tuple(_plain(column) for column in columns)
    places = np.empty((len(arrays), len(arrays[0])), np.int64)
    sizes = np.empty_like(places)
    for index, array in enumerate(arrays):
        if len(array):
            validity, offsets, data = array.buffers()
            _spread(
                _read_only(offsets, np.int32),
                _read_only(validity if array.null_count else b"", np.uint8),
                array.offset,
                data.address if data is not None else 0,
                places[index],
                sizes[index],
            )
    return Sources(places, sizes, arrays)


def _plain(column: Any) -> Any:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array if array.type == pa.binary() else array.cast(pa.binary())


def _read_only(buffer: Any, kind: Any) -> Any:
    # One type for numba, whoever owns the memory.
    view = np.frombuffer(buffer, kind)
    view.flags.writeable = False
    return view


@compiled
def _spread(
    offsets: npt.NDArray[np.int32],
    validity: Bytes,
    first: int,
    data: int,
    places: Longs,
    sizes: Longs,
) -> None:
    for row in range(len(places)):
        at = first + row
        places[row] = data + offsets[at]
        sizes[row] = offsets[at + 1] - offsets[at]
        if len(validity) and not (validity[at >> 3] >> (at & 7)) & 1:
            sizes[row] = ABSENT
