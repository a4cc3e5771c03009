"""BINARY columns of one width beside arrays of `(n, width)` bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.proofs.batch import Bytes, Mask


def fixed_rows(column: Any, width: int) -> tuple[Bytes, Mask]:
    """The values as `(n, width)` bytes, and which rows have a value of that very width.

    The other rows (NULL, or longer, or shorter) are zero.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    fits = np.diff(_offsets(array)) == width
    if array.null_count:
        fits &= array.is_valid().to_numpy(zero_copy_only=False)
    if fits.all():
        return _all_rows(array, width), fits
    rows = np.zeros((len(array), width), np.uint8)
    rows[fits] = _all_rows(array.filter(pa.array(fits)), width)
    return rows, fits


def same_rows(ours: Bytes, column: Any) -> Mask:
    """For each row whether the column has exactly these bytes."""
    theirs, fits = fixed_rows(column, ours.shape[1])
    # Nearly always all rows are equal, which one look at the memory tells.
    if pa.py_buffer(ours).equals(pa.py_buffer(theirs)):
        return fits
    equal: Mask = fits & (in_words(ours) == in_words(theirs)).all(axis=1)
    return equal


def in_words(rows: Bytes) -> Any:
    """The same memory eight bytes at a time, where the width allows it: numpy goes by items."""
    return rows.view(np.uint64) if rows.shape[1] % 8 == 0 else rows


def _all_rows(array: Any, width: int) -> Bytes:
    """Values that all have the width: they lie side by side in the column's buffer."""
    if not len(array):
        return np.zeros((0, width), np.uint8)
    start = int(_offsets(array)[0])
    return np.frombuffer(array.buffers()[2], np.uint8, len(array) * width, start).reshape(-1, width)


def _offsets(array: Any) -> Any:
    """Where each value begins, and where the last one ends: one more than values."""
    offsets = array.buffers()[1]
    if not len(array) or offsets is None:
        return np.zeros(1, np.int32)
    return np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
