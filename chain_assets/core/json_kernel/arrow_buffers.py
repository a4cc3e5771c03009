"""Arrow arrays from values, row ends and masks as the kernel leaves them.

Everything is copied: the arena's buffers serve the next batch, Arrow's are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Presence:
    """Which of a column's rows are not NULL: `bitmap` has a bit a row, or is None for all."""

    rows: int
    nulls: int
    bitmap: pa.Buffer | None

    @property
    def is_empty(self) -> bool:
        """Whether no row has a value."""
        return self.nulls == self.rows


def all_present(rows: int) -> Presence:
    """A column without NULLs."""
    return Presence(rows, 0, None)


def present_where(masks: Any, bit: int) -> Presence:
    """The rows whose mask has the bit."""
    flags = (masks & bit) != 0
    count = int(np.count_nonzero(flags))
    return Presence(len(flags), len(flags) - count, packed_bits(flags))


def packed_bits(flags: Any) -> pa.Buffer:
    """Flags as an Arrow bitmap."""
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def copied(values: Any) -> pa.Buffer:
    """The values in memory of Arrow's own: its pool keeps pages that numpy would give back."""
    buffer = pa.allocate_buffer(values.nbytes)
    np.frombuffer(buffer, np.uint8)[:] = values.view(np.uint8)
    return buffer


def plain(values: Any, type_: pa.DataType, presence: Presence) -> pa.Array:
    """An array of numbers, each as wide as the type."""
    if presence.is_empty:
        return pa.nulls(presence.rows, type_)
    buffers = [presence.bitmap, copied(values)]
    return pa.Array.from_buffers(type_, presence.rows, buffers, presence.nulls)


def booleans(values: Any, presence: Presence) -> pa.Array:
    """An array of flags from numbers that are 0 or 1."""
    buffers = [presence.bitmap, packed_bits(values != 0)]
    return pa.Array.from_buffers(pa.bool_(), presence.rows, buffers, presence.nulls)


def binary(values: Any, offsets: Any, type_: pa.DataType, presence: Presence) -> pa.Array:
    """An array of bytes or text; value i is `values[offsets[i]:offsets[i + 1]]`."""
    buffers = [presence.bitmap, copied(offsets), copied(values)]
    return pa.Array.from_buffers(type_, presence.rows, buffers, presence.nulls)


def fixed_binary(values: Any, width: int) -> pa.Array:
    """An array of bytes without NULLs, `width` of them a row, in bytes of any length's layout."""
    rows = values.nbytes // width
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return binary(values, offsets, pa.binary(), all_present(rows))


def lists(items: pa.Array, offsets: Any, type_: pa.DataType, presence: Presence) -> pa.Array:
    """An array of lists; list i is `items[offsets[i]:offsets[i + 1]]`."""
    buffers = [presence.bitmap, copied(offsets)]
    return pa.Array.from_buffers(type_, presence.rows, buffers, presence.nulls, children=[items])
