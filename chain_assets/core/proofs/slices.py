"""Arrow columns as slices of bytes: the one form that the RLP kernels read.

BINARY             the column's own buffers, nothing copied
integers, words    big-endian bytes, each slice moved past its leading zeros
lists              encoded here, child rows first (core/proofs/rlp_batch.py); the slice of a
                   parent spans its children, which lie side by side
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.keccak_batch import Bytes, Longs, read_only
from chain_assets.core.proofs.rlp_kernel import ABSENT, LIST, RAW, STRING, strip_zeros

_NOTHING = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class Slices:
    """`data[starts[i] : starts[i] + lengths[i]]` for each row i.

    `kind` says how a slice goes into a list: STRING with a string's prefix, LIST with a list's
    (it is the payload of one), RAW as it is (it is encoded already). A length of ABSENT leaves the
    field out of that row's list altogether.
    """

    data: Bytes
    starts: Longs
    lengths: Longs
    kind: int = STRING

    def __post_init__(self) -> None:
        # Arrow's buffers are read-only and our own are not, which to numba are two types: each
        # kernel would be compiled for both.
        object.__setattr__(self, "data", read_only(self.data))

    def __len__(self) -> int:
        return len(self.starts)

    def only(self, rows: Any) -> Slices:
        """The same, but ABSENT where the mask `rows` is false."""
        return replace(self, lengths=np.where(rows, self.lengths, ABSENT))

    def spans(self, starts: Longs) -> Slices:
        """One LIST a parent: rows `starts[i] : starts[i + 1]`, which lie side by side."""
        ends = np.append(self.starts, self.starts[-1:] + self.lengths[-1:])
        if not len(self):
            ends = np.zeros(1, np.int64)
        return Slices(self.data, ends[starts[:-1]], ends[starts[1:]] - ends[starts[:-1]], LIST)

    def raw(self) -> Slices:
        """The same slices, to be taken as they are."""
        return replace(self, kind=RAW)


def binary_slices(column: Any) -> Slices:
    """A BINARY column; NULL is the empty string."""
    array = _one_array(column)
    _, offsets_buffer, data_buffer = array.buffers()
    if len(array) == 0 or offsets_buffer is None:
        return Slices(_NOTHING, np.zeros(len(array), np.int64), np.zeros(len(array), np.int64))
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    starts = offsets[:-1].astype(np.int64)
    data = _NOTHING if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return Slices(data, starts, _null_is_empty(array, np.diff(offsets).astype(np.int64)))


def integer_slices(column: Any) -> Slices:
    """A LONG, BOOLEAN or DECIMAL column without leading zeros; NULL is 0, the empty string."""
    array = _one_array(column)
    if pa.types.is_decimal(array.type):
        buffer = array.buffers()[1]
        little = np.frombuffer(buffer, np.uint8)[16 * array.offset :][: 16 * len(array)]
        data = np.ascontiguousarray(little.reshape(-1, 16)[:, ::-1])
    else:
        values = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        data = values.astype(">i8").view(np.uint8).reshape(-1, 8)
    width = data.shape[1]
    starts = np.arange(len(array), dtype=np.int64) * width
    lengths = _null_is_empty(array, np.full(len(array), width, np.int64))
    return _stripped(Slices(data.reshape(-1), starts, lengths))


def word_slices(column: Any) -> Slices:
    """A BINARY column of big-endian integers, without leading zeros."""
    return _stripped(binary_slices(column))


def list_starts(array: Any) -> Longs:
    """Where the children of each row of a list array begin among `array.flatten()`."""
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _stripped(slices: Slices) -> Slices:
    starts, lengths = slices.starts.copy(), slices.lengths.copy()
    strip_zeros(slices.data, starts, lengths)
    return Slices(slices.data, starts, lengths)


def _null_is_empty(array: Any, lengths: Longs) -> Longs:
    if array.null_count == 0:
        return lengths
    return np.where(array.is_valid().to_numpy(zero_copy_only=False), lengths, 0)


def _one_array(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
