"""Arrow columns as slices of bytes: the one form that the RLP kernels read.

BINARY             the column's own buffers, nothing copied
integers, words    big-endian bytes, each slice moved past its leading zeros
lists              encoded here, child rows first (core/proofs/rlp_batch.py); the slice of a
                   parent spans its children, which lie side by side
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.keccak_batch import Bytes, Longs, read_only
from chain_assets.core.proofs.rlp_kernel import (
    ABSENT,
    HOLE,
    LIST,
    STRING,
    FieldTable,
    split_offsets,
    strip_zeros,
    write_integers,
)

_NOTHING = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class Slices:
    """`data[starts[i] : starts[i] + lengths[i]]` for each row i.

    `kind` says how a slice goes into a list: STRING with a string's prefix, LIST with a list's
    (it is the payload of one). A HOLE is a LIST whose payload is written afterwards, and `starts`
    becomes its address. A length of ABSENT leaves the field out of that row's list altogether.
    In front of each slice `room` bytes of the buffer belong to nobody else.
    """

    data: Bytes
    starts: Longs
    lengths: Longs
    kind: int = STRING
    room: int = 0

    def __post_init__(self) -> None:
        # Arrow's buffers are read-only and our own are not, which to numba are two types: each
        # kernel would be compiled for both.
        object.__setattr__(self, "data", read_only(self.data))
        # Kernels read these by address: other types, or strides, would be read wrongly.
        object.__setattr__(self, "starts", np.ascontiguousarray(self.starts, np.int64))
        object.__setattr__(self, "lengths", np.ascontiguousarray(self.lengths, np.int64))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def addresses(self) -> Longs:
        """Where each slice begins in memory, for as long as this object lives."""
        return address_of(self.data) + self.starts

    @classmethod
    def holes(cls, lengths: Longs) -> Slices:
        """Lists that are only measured so far."""
        return cls(_NOTHING, np.zeros(len(lengths), np.int64), lengths, HOLE)

    def only(self, rows: Any) -> Slices:
        """The same, but ABSENT where the mask `rows` is false."""
        return replace(self, lengths=np.where(rows, self.lengths, ABSENT))

    def spans(self, starts: Longs) -> Slices:
        """One LIST a parent: rows `starts[i] : starts[i + 1]`, which lie side by side."""
        ends = np.append(self.starts, self.starts[-1:] + self.lengths[-1:])
        if not len(self):
            ends = np.zeros(1, np.int64)
        return Slices(self.data, ends[starts[:-1]], ends[starts[1:]] - ends[starts[:-1]], LIST)


def field_table(fields: Sequence[Slices], count: int) -> FieldTable:
    """The fields of `count` rows as rlp_kernel.py reads them: addresses, hence only for as long as
    `fields` live. Raises ValueError where a field has another number of rows."""
    for each in fields:
        if len(each) != count:
            raise ValueError(f"a field of {len(each)} rows among {count}")
    rows = [(*map(address_of, (f.data, f.starts, f.lengths)), f.kind) for f in fields]
    return np.array(rows, np.int64).reshape(-1, 4)


def address_of(array: Any) -> int:
    """Where an array begins in memory."""
    address: int = pa.py_buffer(array).address  # numpy itself takes several times as long
    return address


def binary_slices(column: Any) -> Slices:
    """A BINARY column; NULL is the empty string."""
    array = one_array(column)
    _, offsets_buffer, data_buffer = array.buffers()
    if len(array) == 0 or offsets_buffer is None:
        return Slices(_NOTHING, np.zeros(len(array), np.int64), np.zeros(len(array), np.int64))
    offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
    data = _NOTHING if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    starts, lengths = np.empty((2, len(array)), np.int64)
    split_offsets(read_only(offsets), starts, lengths)
    return Slices(data, starts, _null_is_empty(array, lengths))


def integer_slices(column: Any) -> Slices:
    """A LONG, BOOLEAN or DECIMAL column without leading zeros; NULL is 0, the empty string."""
    array = one_array(column)
    if pa.types.is_decimal(array.type):
        buffer = array.buffers()[1]
        width = 2
        words = np.frombuffer(buffer, np.uint64)[2 * array.offset :][: 2 * len(array)]
    else:
        width = 1
        longs = array if pa.types.is_int64(array.type) else array.cast(pa.int64())
        known = longs.fill_null(0) if longs.null_count else longs
        words = known.to_numpy(zero_copy_only=False).view(np.uint64)
    words = read_only(words.reshape(-1, width))
    data = np.zeros(words.nbytes, np.uint8)
    starts, lengths = np.empty((2, len(array)), np.int64)
    write_integers(words, data, starts, lengths)
    return Slices(data, starts, _null_is_empty(array, lengths))


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


def one_array(column: Any) -> Any:
    """The values of a column of one chunk or several, in one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
