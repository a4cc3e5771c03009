"""The state of the kernel: one record of memory, which compiled code knows by its address.

    WORK    window, tail        where the text lies, see scan.py
            kinds               a row a kind of object: its slots, what it must have, rows so far
            slots               a row a slot: how it is read, where its values go, how far filled
            keys, buckets       the texts of keys; hash of a key → slot
            unknown             keys that no slot has, and how often they stood there

Compiled code reads a row by its address and the offset of a field: numba would count references to
arrays at every access, which costs more than the work itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from chain_assets.core.json_kernel.layout import KINDS, SLOTS
from chain_assets.core.json_kernel.simd import operation

# Where a slot or a kind is asked for and there is none.
NOTHING = -1
# A position in the window has so many readable bytes behind it: see scan.py.
GUARD = 1024
# A key's text is kept with the quote and the colon behind it, in one vector of this many bytes.
KEY_BYTES = 32
BUCKETS = 256
MAX_UNKNOWN = 64
UNKNOWN_TEXT_BYTES = 64
# Odd numbers with bits all over, below 2^63: a product of theirs mixes all bits into the highest 8.
FIRST_FACTOR, LAST_FACTOR = 0x1E3779B97F4A7C15, 0x42B2AE3D27D4EB4F


def _fields(*names: str) -> list[tuple[str, Any]]:
    return [(name, np.int64) for name in names]


SLOT_ROW = np.dtype(
    _fields("code", "width", "child", "bit", "key_length")
    # Addresses of buffers, how far the first is filled, and was before this document.
    + _fields("values", "offsets", "fill", "saved_fill")
    # The slot whose key came after this one's, the last time.
    + _fields("next")
)
KIND_ROW = np.dtype(
    # The place of its first slot; masks of slots; the list that its objects stand in.
    _fields("first", "appending", "required", "defaulted", "numbers", "parent", "parent_slot")
    # Address of a mask a row, how many rows there may be, are, and were before this document.
    + _fields("masks", "row_limit", "rows", "saved_rows", "first_key")
    # Of the object being read: the slots of its next key, as a guess, and of its last one; the keys
    # that it has, and those that are not null.
    + _fields("guess", "last", "seen", "present")
    # Slots that rows without a value for them are noted in: all that had a value since the start.
    + _fields("tracked")
)
UNKNOWN_ROW = np.dtype(
    # How often it stood in documents taken and in the one being read; the row of its last object.
    [*_fields("kind", "length", "count", "pending", "row"), ("text", np.uint8, UNKNOWN_TEXT_BYTES)]
)
WORK = np.dtype(
    [
        *_fields("turn", "shift"),
        ("tail", np.uint8, 2 * GUARD),
        ("kinds", KIND_ROW, len(KINDS)),
        ("slots", SLOT_ROW, len(SLOTS)),
        ("keys", np.uint8, (len(SLOTS), KEY_BYTES)),
        ("buckets", np.int64, (len(KINDS), BUCKETS)),
        ("unknown", UNKNOWN_ROW, MAX_UNKNOWN),
    ]
)
# One row a payload: where it lies, which block it should be, and whether the kernel took it.
PAYLOAD_ROW = np.dtype(_fields("address", "length", "number", "hash", "taken"))


def offset_of(row: np.dtype[Any], name: str) -> int:
    """Where a field lies in a row."""
    fields = row.fields
    if fields is None:
        raise TypeError(f"{row} is no record")
    return int(fields[name][1])


(CODE, WIDTH, CHILD, BIT, KEY_LENGTH, VALUES, OFFSETS, FILL, SAVED_FILL, NEXT) = (
    offset_of(SLOT_ROW, name) for name in SLOT_ROW.names or ()
)
(FIRST, APPENDING_SLOTS, REQUIRED, DEFAULTED, NUMBERS, PARENT, PARENT_SLOT) = (
    offset_of(KIND_ROW, name) for name in (KIND_ROW.names or ())[:7]
)
(MASKS, ROW_LIMIT, ROWS, SAVED_ROWS, FIRST_KEY, GUESS, LAST, SEEN, PRESENT, TRACKED) = (
    offset_of(KIND_ROW, name) for name in (KIND_ROW.names or ())[7:]
)
(UNKNOWN_KIND, UNKNOWN_LENGTH, COUNT, PENDING, UNKNOWN_OBJECT, UNKNOWN_TEXT) = (
    offset_of(UNKNOWN_ROW, name) for name in UNKNOWN_ROW.names or ()
)
(ADDRESS, LENGTH, NUMBER, HASH, TAKEN) = (
    offset_of(PAYLOAD_ROW, name) for name in PAYLOAD_ROW.names or ()
)
TURN, SHIFT, TAIL, _, _, KEYS, BUCKET_SLOTS, UNKNOWN = (
    offset_of(WORK, name) for name in WORK.names or ()
)


def _row(builder: ir.IRBuilder, work: ir.Value, at: int, size: int, index: ir.Value) -> ir.Value:
    within = builder.mul(index, ir.Constant(index.type, size))
    return builder.add(work, builder.add(within, ir.Constant(index.type, at)))


@operation
def kind_row(builder: ir.IRBuilder, work: ir.Value, kind: ir.Value) -> ir.Value:
    """The address of a kind's row."""
    return _row(builder, work, offset_of(WORK, "kinds"), KIND_ROW.itemsize, kind)


@operation
def slot_row(builder: ir.IRBuilder, work: ir.Value, slot: ir.Value) -> ir.Value:
    """The address of a slot's row."""
    return _row(builder, work, offset_of(WORK, "slots"), SLOT_ROW.itemsize, slot)
