"""Objects as rows: what happens when one ends, which keys nobody knows, and how a block is undone.

An object becomes the next row of its kind when its brace closes. Until its whole document is read
and found right, its rows can be taken back: `rows` and `fill` are set to where they stood before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chain_assets.core.json_kernel.layout import AMOUNT
from chain_assets.core.json_kernel.scan import COLON, QUOTE
from chain_assets.core.json_kernel.simd import (
    compiled,
    copy_64,
    equal_64,
    inlined,
    load_8_bytes,
    load_byte,
    plain_mask,
    store_4_bytes,
    store_8_bytes,
    trailing_zeros,
)

MAX_UNKNOWN = 64
# One row a key that no slot has: its kind and length, how often it stood in the documents taken and
# in the one being read, and the serial of the object where it stood last. The text is the last 64
# bytes of the row.
UNKNOWN_FIELDS = np.dtype(
    [(name, np.int64) for name in ("kind", "length", "count", "pending", "serial")]
    + [("text", np.uint8, 64)]
)
_TEXT_AT = UNKNOWN_FIELDS.fields["text"][1]  # type: ignore[index]
_UNKNOWN_BYTES = UNKNOWN_FIELDS.itemsize


@compiled
def close_row(slots: Any, kinds: Any, kind: int, seen: int, present: int) -> bool:
    """Make the object a row: note where its values end, or false where a required one is missing.

    `seen` are its keys, `present` those that are not null.
    """
    fields = kinds[kind]
    row = fields.rows
    # A default stands in for a key that is not there; a null is no such key.
    present |= fields.defaulted & ~seen
    missing = fields.numbers & ~(present & seen)
    if fields.required & ~present:
        return False
    # What lies in the buffer is from another row.
    while missing:
        slot = fields.first + trailing_zeros(missing)
        missing &= missing - 1
        if slots[slot].code == AMOUNT:
            store_8_bytes(slots[slot].values + 16 * row, 0)
            store_8_bytes(slots[slot].values + 16 * row + 8, 0)
        else:
            store_8_bytes(slots[slot].values + 8 * row, 0)
    for slot in range(fields.first, fields.appending_end):
        store_4_bytes(slots[slot].offsets + 4 * (row + 1), slots[slot].fill)
    store_8_bytes(fields.masks + 8 * row, present)
    fields.rows = row + 1
    return True


@inlined
def same_hash(slots: Any, left: int, left_row: int, right: int, right_row: int) -> bool:
    """Whether two 32-byte values of slots that every row has are equal."""
    one = slots[left].values + 32 * left_row
    other = slots[right].values + 32 * right_row
    difference = 0
    for at in range(0, 32, 8):
        difference |= load_8_bytes(one + at) ^ load_8_bytes(other + at)
    return difference == 0


@compiled
def note_unknown(unknown: Any, address: int, key: int, kind: int, serial: int) -> int:
    """Count the key at `key` (behind its quote); its length, or -1 where it is not plain.

    -1 also where the object `serial` has it already, and where there are too many such keys.
    `address` is that of the array `unknown`.
    """
    length = trailing_zeros(~plain_mask(key))
    if length > 60 or load_byte(key + length) != QUOTE or load_byte(key + length + 1) != COLON:
        return -1
    wanted = (1 << length) - 1
    for index in range(MAX_UNKNOWN):
        entry = unknown[index]
        text = address + index * _UNKNOWN_BYTES + _TEXT_AT
        if entry.length < 0:
            copy_64(key, text)
            entry.kind, entry.length = kind, length
            entry.count = entry.pending = 0
        elif entry.kind != kind or entry.length != length or equal_64(key, text) & wanted != wanted:
            continue
        elif entry.serial == serial:
            return -1
        entry.pending += 1
        entry.serial = serial
        return length
    return -1


@compiled
def keep_document(unknown: Any) -> None:
    """Count the unknown keys of the document that was read."""
    for index in range(MAX_UNKNOWN):
        unknown[index].count += unknown[index].pending
        unknown[index].pending = 0


@compiled
def save_document(slots: Any, kinds: Any) -> None:
    """Note where the rows of the document that follows begin."""
    for slot in range(len(slots)):
        slots[slot].saved_fill = slots[slot].fill
    for kind in range(len(kinds)):
        kinds[kind].saved_rows = kinds[kind].rows


@compiled
def undo_document(slots: Any, kinds: Any, unknown: Any) -> None:
    """Take back the rows since save_document."""
    for slot in range(len(slots)):
        slots[slot].fill = slots[slot].saved_fill
    for kind in range(len(kinds)):
        kinds[kind].rows = kinds[kind].saved_rows
    for index in range(MAX_UNKNOWN):
        unknown[index].pending = 0

