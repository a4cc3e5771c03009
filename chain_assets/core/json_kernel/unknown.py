"""Keys that no slot has: counted by kind, and found again where an object has one twice."""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import DOCUMENT
from chain_assets.core.json_kernel.scan import COLON, DECLINED, QUOTE
from chain_assets.core.json_kernel.simd import (
    compiled,
    copy_64,
    equal_64,
    load_byte,
    plain_mask,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import MAX_UNKNOWN, NOTHING, Work

# With the quote and the colon behind it a key lies in one vector.
_MAX_LENGTH = 62


@compiled
def note_unknown(work: Work, kind: int, key: int) -> int:
    """Count the key at `key` (behind its quote); the position of its value.

    DECLINED where it is not plain or too long, where the same object has it already, where there
    are more such keys than places, and in the document itself, where nothing is counted.
    """
    length = trailing_zeros(~plain_mask(key))
    if kind == DOCUMENT or length > _MAX_LENGTH or load_byte(key + length) != QUOTE:
        return DECLINED
    if load_byte(key + length + 1) != COLON:
        return DECLINED
    wanted = (1 << length) - 1
    row = work.kinds[kind].rows
    for index in range(MAX_UNKNOWN):
        entry = work.unknown[index]
        text = work.unknown_texts[index].ctypes.data
        if entry.kind == NOTHING:
            copy_64(key, text)
            entry.kind, entry.length = kind, length
            entry.count = entry.pending = 0
            entry.row = NOTHING
        if entry.kind == kind and entry.length == length and equal_64(key, text) & wanted == wanted:
            if entry.row == row:
                return DECLINED
            entry.pending += 1
            entry.row = row
            return key + length + 2
    return DECLINED


@compiled
def settle_unknown(work: Work, taken: bool) -> None:
    """Count the unknown keys of the document that was read, or forget them."""
    for entry in work.unknown:
        if taken:
            entry.count += entry.pending
        entry.pending = 0
        # The rows of the next document may have the numbers of those taken back.
        entry.row = NOTHING
