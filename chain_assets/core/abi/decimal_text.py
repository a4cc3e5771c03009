"""Integers of 256 bits as decimal text, in columns.

Arrow writes integers of 64 bits. Larger ones are divided here, all rows at once, by the digits
that one machine word can hold, as one divides on paper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.words import Bytes2D, limbs_from_words

_GROUP = 10**9
_GROUP_DIGITS = 9
# 2^256 has 78 digits.
_GROUPS = 9


def unsigned_text(words: Bytes2D) -> Any:
    """`(n, 32)` words as unsigned integers: an Arrow string array such as `["0", "1000"]`."""
    limbs = limbs_from_words(words)
    text = pa.array(limbs[:, 3]).cast(pa.string())
    large = (limbs[:, :3] != 0).any(axis=1)
    if large.any():
        text = pc.replace_with_mask(text, pa.array(large), _large_text(words[large]))
    return text


def signed_text(words: Bytes2D) -> Any:
    """`(n, 32)` words as two's complement integers: an Arrow string array, `["-1", "5"]`."""
    negative = words[:, 0] >> 7 == 1
    if not negative.any():
        return unsigned_text(words)
    text = unsigned_text(np.where(negative[:, None], _negated(words), words))
    sign = pa.array(["", "-"]).take(pa.array(negative.astype(np.int8)))
    return pc.binary_join_element_wise(sign, text, "")


def _negated(words: Bytes2D) -> Bytes2D:
    """Minus each word, modulo 2^256: every bit inverted, plus one with its carries."""
    limbs = ~limbs_from_words(words)
    carry = np.ones(len(limbs), np.uint64)
    for limb in (3, 2, 1, 0):
        limbs[:, limb] += carry
        carry = carry * (limbs[:, limb] == 0)
    return limbs.astype(">u8").view(np.uint8)


def _large_text(words: Bytes2D) -> Any:
    groups = _digit_groups(words)
    digits = np.empty((len(words), _GROUPS, _GROUP_DIGITS), np.uint8)
    for place in reversed(range(_GROUP_DIGITS)):
        groups, rest = np.divmod(groups, np.uint32(10))
        digits[:, :, place] = rest.T
    width = _GROUPS * _GROUP_DIGITS
    row_digits = digits.reshape(len(words), width)
    leading = (row_digits != 0).argmax(axis=1)
    shown = np.arange(width) >= leading[:, None]
    offsets = np.concatenate([[0], np.cumsum(width - leading)]).astype(np.int32)
    text = row_digits[shown] + np.uint8(ord("0"))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(words), buffers)


def _digit_groups(words: Bytes2D) -> npt.NDArray[np.uint32]:
    """`(9, n)`: the digits of each word in groups of nine, the most significant first."""
    limbs = np.ascontiguousarray(np.ascontiguousarray(words).view(">u4").T).astype(np.uint64)
    groups = np.empty((_GROUPS, len(words)), np.uint32)
    for group in reversed(range(_GROUPS)):
        rest = np.zeros(len(words), np.uint64)
        for limb in limbs:
            value = (rest << np.uint64(32)) | limb
            quotient = value // np.uint64(_GROUP)
            rest = value - quotient * np.uint64(_GROUP)
            limb[:] = quotient
        groups[group] = rest
    return groups
