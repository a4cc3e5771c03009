"""256-bit words in columns: `(n, 32)` arrays of bytes, big-endian, as the EVM stores integers.

An amount that a contract chooses keeps all its bits as such a word, and stands beside a
DECIMAL(38,0) where it fits into one, because query engines can add and compare that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes2D = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

DECIMAL = pa.decimal128(38, 0)
_LIMIT_HIGH, _LIMIT_LOW = divmod(10**38, 1 << 64)


def limbs_from_words(words: Bytes2D) -> npt.NDArray[np.uint64]:
    """`(n, 4)` native unsigned integers of 64 bits, the most significant first."""
    return np.ascontiguousarray(words).view(">u8").astype(np.uint64)


def decimal_from_words(words: Bytes2D, *, valid: Mask | None = None) -> Any:
    """Unsigned words as an Arrow array of decimal128(38, 0), NULL from 10^38 on.

    `valid` marks the rows that have a value at all; the others become NULL too.
    """
    limbs = limbs_from_words(words)
    high, low = limbs[:, 2], limbs[:, 3]
    below = (high < _LIMIT_HIGH) | ((high == _LIMIT_HIGH) & (low < _LIMIT_LOW))
    fits = (limbs[:, 0] == 0) & (limbs[:, 1] == 0) & below
    if valid is not None:
        fits = fits & valid
    # Arrow keeps a decimal128 as a little-endian integer of 128 bits, whatever the machine.
    values = np.ascontiguousarray(np.stack([low, high], axis=1).astype("<u8"))
    bitmap = pa.py_buffer(np.packbits(fits, bitorder="little").tobytes())
    return pa.Array.from_buffers(DECIMAL, len(words), [bitmap, pa.py_buffer(values)])


def decimal_from_binary(words: Any) -> Any:
    """A BINARY array of words as decimal128(38, 0), NULL where they are or from 10^38 on."""
    valid = words.is_valid().to_numpy(zero_copy_only=False)
    joined = b"".join(words.fill_null(bytes(32)).to_pylist())
    return decimal_from_words(np.frombuffer(joined, np.uint8).reshape(-1, 32), valid=valid)


def words_from_decimals(values: pa.Array) -> Bytes2D:
    """One word for each decimal128(38, 0), none of which is negative; anything for NULL."""
    first = 2 * values.offset
    halves = np.frombuffer(values.buffers()[1], "<u8")[first : first + 2 * len(values)]
    words = np.zeros((len(values), 4), ">u8")
    words[:, 2:] = halves.reshape(-1, 2)[:, ::-1]
    return words.view(np.uint8)


def words_from_ints(values: Iterable[int]) -> Bytes2D:
    """One word for each integer from 0 to 2^256 - 1. Raises OverflowError outside of that."""
    joined = b"".join(value.to_bytes(32, "big") for value in values)
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def binary_from_rows(rows: Bytes2D, *, valid: Mask | None = None) -> Any:
    """`(n, width)` bytes as an Arrow binary array of n values; NULL where `valid` is false."""
    count, width = rows.shape
    offsets = np.arange(count + 1, dtype=np.int64) * width
    if offsets[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{count} values of {width} bytes do not fit into one Arrow array")
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(rows.tobytes())]
    return pa.Array.from_buffers(pa.binary(), count, buffers)
