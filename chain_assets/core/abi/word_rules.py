"""Which 32-byte words are values of a type: every bit outside of the value is padding."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from chain_assets.core.abi.types import WORD_BYTES, WordType
from chain_assets.core.words import Bytes2D


def word_is_valid(word_type: WordType, words: Bytes2D) -> npt.NDArray[np.bool_]:
    """One flag for each of `words`, `(n, 32)` bytes.

    Padding is zero, or copies of the sign bit in front of a negative `int`; `bool` is 0 or 1
    (Contract ABI Specification, "Strict Encoding Mode" and `enc(X)`).
    """
    padding = padding_bits(word_type)
    if word_type.kind in ("int", "fixed"):
        # Inverting a negative number turns its sign-extension into zeros.
        sign = words[:, WORD_BYTES - word_type.bits // 8] >> 7
        words = np.bitwise_xor(words, sign[:, None] * np.uint8(0xFF), dtype=np.uint8)
    # The same bits stay together, whatever the byte order of the machine.
    quarters = np.ascontiguousarray(words).view(np.uint64)
    dirty = quarters[:, 0] & padding[0]
    for quarter in range(1, 4):
        dirty = dirty | (quarters[:, quarter] & padding[quarter])
    return np.asarray(dirty == 0)


@cache
def padding_bits(word_type: WordType) -> npt.NDArray[np.uint64]:
    """The bits of a word that are padding, as four integers of the machine."""
    bits = np.zeros(WORD_BYTES, np.uint8)
    size = word_type.bits // 8
    if word_type.kind == "bytesN":
        bits[size:] = 0xFF
    else:
        bits[: WORD_BYTES - size] = 0xFF
    if word_type.kind == "bool":
        bits[-1] = 0xFE
    return bits.view(np.uint64)
