"""The text of one value: a literal, or the value of a word between its quotes."""

from __future__ import annotations

import numpy as np

from chain_assets.core.abi.kernel.digits import write_signed, write_unsigned
from chain_assets.core.abi.kernel.layouts import ADDRESS, BYTES, INT, UINT
from chain_assets.core.abi.kernel.memory import (
    copy_word,
    inlined,
    load,
    store,
    write_address_hex,
    write_word_hex,
)

_FALSE = np.uint64(int.from_bytes(b"false\0\0\0", "little"))
_TRUE = np.uint64(int.from_bytes(b"true\0\0\0\0", "little"))
_ONE = np.uint64(1)
_ADDRESS_DIGITS = 40


@inlined
def write_value(out: int, word: int, kind: int, size: int, scratch: int) -> int:
    """Write the value at address `word`; returns how many characters that took.

    `size` is that of a BYTES value; `scratch` is the address of digits.SCRATCH_BYTES.
    """
    if kind == UINT:
        return write_unsigned(out, word, scratch)
    if kind == ADDRESS:
        write_address_hex(out, word)
        return _ADDRESS_DIGITS
    if kind == BYTES:
        write_word_hex(out, word)
        return 2 * size
    if kind == INT:
        return write_signed(out, word, scratch)
    if load(word + 24) >> np.uint64(56) == _ONE:
        store(out, _TRUE)
        return 4
    store(out, _FALSE)
    return 5


@inlined
def write_literal(out: int, source: int, size: int) -> int:
    """Copy by whole words what is short, where there is room behind it and behind `out`."""
    for done in range(0, size, 32):
        copy_word(out + done, source + done)
    return out + size
