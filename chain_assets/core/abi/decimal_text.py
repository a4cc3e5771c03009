"""Integers of 256 bits as decimal text, in columns.

Arrow writes integers of 64 bits. Larger ones are divided here, all rows at once, by a power of
ten that leaves a remainder of eight digits, as one divides on paper; the digits come from a table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.words import Bytes2D, limbs_from_words

# 2^256 has 78 digits: ten groups of eight.
_GROUPS = 10
_GROUP = np.uint64(10**8)
_HALF = np.uint64(10**4)
_WIDTH = 80
# The text of 0000 to 9999, four bytes in one item.
_FOUR_DIGITS = np.frombuffer("".join(f"{n:04}" for n in range(10**4)).encode(), np.uint32)
# Rows divided at once: their limbs stay in the processor's cache.
_BLOCK = 4096


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
    text = np.empty((len(words), _WIDTH), np.uint8)
    for start in range(0, len(words), _BLOCK):
        text[start : start + _BLOCK] = _padded_digits(words[start : start + _BLOCK])
    leading = (text != ord("0")).argmax(axis=1)
    shown = np.arange(_WIDTH) >= leading[:, None]
    offsets = np.concatenate([[0], np.cumsum(_WIDTH - leading)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text[shown])]
    return pa.Array.from_buffers(pa.string(), len(words), buffers)


def _padded_digits(words: Bytes2D) -> npt.NDArray[np.uint8]:
    """`(n, 80)` digits as text, with zeros in front."""
    halves = np.ascontiguousarray(words).view(">u4").T
    limbs = np.ascontiguousarray(halves, np.uint64)
    text = np.empty((len(words), 2 * _GROUPS), np.uint32)
    for group in reversed(range(_GROUPS)):
        rest = np.zeros(len(words), np.uint64)
        for limb in limbs:
            value = (rest << np.uint64(32)) | limb
            quotient = value // _GROUP
            rest = value - quotient * _GROUP
            limb[:] = quotient
        upper = rest // _HALF
        text[:, 2 * group] = _FOUR_DIGITS[upper]
        text[:, 2 * group + 1] = _FOUR_DIGITS[rest - upper * _HALF]
    return text.view(np.uint8)
