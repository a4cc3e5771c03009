"""Keys that no slot has: counted by kind, and found again where an object has one twice."""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import DOCUMENT
from chain_assets.core.json_kernel.scan import COLON, DECLINED, QUOTE
from chain_assets.core.json_kernel.simd import (
    compiled,
    copy_64,
    equal_64,
    get,
    inlined,
    load_byte,
    plain_mask,
    put,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import (
    COUNT,
    MAX_UNKNOWN,
    NOTHING,
    PENDING,
    ROWS,
    UNKNOWN,
    UNKNOWN_KIND,
    UNKNOWN_LENGTH,
    UNKNOWN_OBJECT,
    UNKNOWN_ROW,
    UNKNOWN_TEXT,
    kind_row,
)

# With the quote and the colon behind it a key lies in one vector.
_MAX_LENGTH = 62
_ENTRY_BYTES = UNKNOWN_ROW.itemsize


@compiled
def note_unknown(work: int, kind: int, key: int) -> int:
    """Count the key at `key` (behind its quote); the position of its value.

    DECLINED where it is not plain or too long, where the same object has it already, where there
    are more such keys than places, and in the document itself, where nothing is counted.
    """
    length = trailing_zeros(~plain_mask(key))
    if kind == DOCUMENT or length > _MAX_LENGTH or load_byte(key + length) != QUOTE:
        return DECLINED
    if load_byte(key + length + 1) != COLON:
        return DECLINED
    row = get(kind_row(work, kind), ROWS)
    for index in range(MAX_UNKNOWN):
        entry = work + UNKNOWN + index * _ENTRY_BYTES
        if get(entry, UNKNOWN_KIND) == NOTHING:
            _begin(entry, kind, key, length)
        if _is_entry(entry, kind, key, length):
            if get(entry, UNKNOWN_OBJECT) == row:
                return DECLINED
            put(entry, PENDING, get(entry, PENDING) + 1)
            put(entry, UNKNOWN_OBJECT, row)
            return key + length + 2
    return DECLINED


@inlined
def _begin(entry: int, kind: int, key: int, length: int) -> None:
    copy_64(key, entry + UNKNOWN_TEXT)
    put(entry, UNKNOWN_KIND, kind)
    put(entry, UNKNOWN_LENGTH, length)
    put(entry, COUNT, 0)
    put(entry, PENDING, 0)
    put(entry, UNKNOWN_OBJECT, NOTHING)


@inlined
def _is_entry(entry: int, kind: int, key: int, length: int) -> bool:
    if get(entry, UNKNOWN_KIND) != kind or get(entry, UNKNOWN_LENGTH) != length:
        return False
    wanted = (1 << length) - 1
    return equal_64(key, entry + UNKNOWN_TEXT) & wanted == wanted


@compiled
def settle_unknown(work: int, taken: bool) -> None:
    """Count the unknown keys of the document that was read, or forget them."""
    for index in range(MAX_UNKNOWN):
        entry = work + UNKNOWN + index * _ENTRY_BYTES
        if taken:
            put(entry, COUNT, get(entry, COUNT) + get(entry, PENDING))
        put(entry, PENDING, 0)
        # The rows of the next document may have the numbers of those taken back.
        put(entry, UNKNOWN_OBJECT, NOTHING)
