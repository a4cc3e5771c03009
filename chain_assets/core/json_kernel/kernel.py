"""One pass over the text of each document: keys to slots, values to buffers.

    for each payload            read_payloads
      until its last brace      read_document
        a key → its slot          slot_of_key  (guessed from the key before, else found by hash)
        its value → a buffer      read_known, values.py
        the objects it closes     close_objects, rows.py

A document is taken wholly or declined, and is declined wherever it is not of the plain sort that
nodes write: a declined one costs time and nothing else, a wrong one taken would be a wrong row.
"""

from __future__ import annotations

from typing import Any

from chain_assets.core.json_kernel.layout import (
    BUCKETS,
    DOCUMENT,
    KEY_BYTES,
    OBJECT,
    OBJECTS,
    SKIPPED,
    TOPICS,
    bit_of,
)
from chain_assets.core.json_kernel.rows import (
    close_document,
    close_row,
    open_row,
    save_document,
    undo_document,
)
from chain_assets.core.json_kernel.scan import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COMMA,
    DECLINED,
    GUARD,
    NULL,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    bucket_of,
    has_key,
    in_window,
    skip_value,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    inlined,
    load_4_bytes,
    load_byte,
    plain_mask,
    store_byte,
    trailing_zeros,
)
from chain_assets.core.json_kernel.unknown import note_unknown, settle_unknown
from chain_assets.core.json_kernel.values import read_topics, read_value
from chain_assets.core.json_kernel.work import NOTHING, Work

_FIRST_TOPIC = bit_of("log.topic0")


@compiled
def read_payloads(work: Work, payloads: Any, expected: Any, taken: Any) -> None:
    """Read payload i at address `payloads[i, 0]`, `payloads[i, 1]` bytes long; `taken[i]` if so.

    `expected[i]` are number and address of the hash of the block that it should be.
    """
    for index in range(len(payloads)):
        address, length = payloads[index, 0], payloads[index, 1]
        number, hash_ = expected[index, 0], expected[index, 1]
        save_document(work)
        end = _lay_out(work, address, length)
        taken[index] = read_document(work, address, number, hash_) == end
        settle_unknown(work, taken[index])
        if not taken[index]:
            undo_document(work)


@compiled
def _lay_out(work: Work, address: int, length: int) -> int:
    """Copy the end of the payload to the tail and set the window; the end of the text there."""
    tail = work.tail.ctypes.data
    copied = min(length, GUARD)
    for at in range(copied):
        store_byte(tail + at, load_byte(address + length - copied + at))
    for at in range(copied, GUARD + GUARD):
        store_byte(tail + at, 0)
    work.window[0] = address + length - GUARD
    work.window[1] = tail + copied - (address + length)
    return tail + copied


@compiled
def read_document(work: Work, position: int, number: int, hash_: int) -> int:
    """Read one document; the position behind it, or DECLINED."""
    position = in_window(position, work.window)
    if load_byte(position) != OPEN_OBJECT or not open_row(work, DOCUMENT):
        return DECLINED
    position += 1
    kind = DOCUMENT
    while True:
        position = in_window(position, work.window)
        if load_byte(position) != QUOTE:
            return DECLINED
        position += 1
        index = slot_of_key(work, kind, position)
        if index == NOTHING:
            position = note_unknown(work, kind, position)
            if position == DECLINED:
                return DECLINED
            position = skip_value(position, work.window)
        else:
            slot = work.slots[index]
            position += slot.key_length
            if work.kinds[kind].seen & slot.bit:
                return DECLINED
            work.kinds[kind].seen |= slot.bit
            inside = enter(slot, position)
            if inside != DECLINED:
                kind, position = slot.child, inside
                if not open_row(work, kind):
                    return DECLINED
                continue
            position = read_known(work, kind, slot, position)
        if position == DECLINED:
            return DECLINED
        position, kind = close_objects(work, kind, position)
        if position == DECLINED:
            return DECLINED
        if kind == NOTHING:
            present = work.kinds[DOCUMENT].present
            return position if close_document(work, present, number, hash_) else DECLINED


@inlined
def slot_of_key(work: Work, kind: int, position: int) -> int:
    """The slot of the key at `position` (behind its quote), or NOTHING.

    Nodes write the keys of all objects of a kind in one order: after each key its slot remembers
    which came next, and that one is compared first.
    """
    fields = work.kinds[kind]
    index = fields.guess
    length = work.slots[index].key_length
    if not has_key(position, work.keys.ctypes.data + index * KEY_BYTES, length):
        index = _find_slot(work, kind, position)
        if index == NOTHING:
            return NOTHING
        if fields.slot == NOTHING:
            fields.first_key = index
        else:
            work.slots[fields.slot].next = index
    fields.slot = index
    fields.guess = work.slots[index].next
    return int(index)


@compiled
def _find_slot(work: Work, kind: int, position: int) -> int:
    bucket = bucket_of(position, trailing_zeros(~plain_mask(position)))
    while True:
        index = work.buckets[kind, bucket]
        if index == NOTHING:
            return NOTHING
        length = work.slots[index].key_length
        if has_key(position, work.keys.ctypes.data + index * KEY_BYTES, length):
            return int(index)
        bucket = (bucket + 1) & (BUCKETS - 1)


@inlined
def enter(slot: Any, position: int) -> int:
    """Behind the brace of the first object in the slot's value, or DECLINED where there is none."""
    if slot.code == OBJECTS:
        if load_byte(position) == OPEN_LIST and load_byte(position + 1) == OPEN_OBJECT:
            return position + 2
    elif slot.code == OBJECT and load_byte(position) == OPEN_OBJECT:
        return position + 1
    return DECLINED


@inlined
def read_known(work: Work, kind: int, slot: Any, position: int) -> int:
    """Read the value of a slot, which holds no objects; the position behind it, or DECLINED."""
    code = slot.code
    if code == SKIPPED:
        return skip_value(position, work.window)
    if load_4_bytes(position) == NULL:
        return position + 4
    fields = work.kinds[kind]
    fields.present |= slot.bit
    if code == TOPICS:
        position, count = read_topics(position, work.slots)
        fields.present |= ((1 << count) - 1) * _FIRST_TOPIC
        return position
    if code == OBJECTS:
        empty = load_byte(position) == OPEN_LIST and load_byte(position + 1) == CLOSE_LIST
        return position + 2 if empty else DECLINED
    if code == OBJECT:
        return DECLINED
    return read_value(position, work.window, slot, kind, fields.rows)


@inlined
def close_objects(work: Work, kind: int, position: int) -> tuple[int, int]:
    """Behind a value: close the objects that end here, up to the comma before another key.

    Gives where that key or the next object's first key stands, and the kind of the object that it
    is in: NOTHING where the document has ended. Or DECLINED.
    """
    while True:
        end = load_byte(position)
        position += 1
        if end == COMMA:
            return position, kind
        if end != CLOSE_OBJECT or not close_row(work, kind):
            return DECLINED, kind
        if kind == DOCUMENT:
            return position, NOTHING
        parent_slot = work.slots[work.kinds[kind].parent_slot]
        if parent_slot.code == OBJECTS:
            end = load_byte(position)
            if end == COMMA:
                opened = load_byte(position + 1) == OPEN_OBJECT and open_row(work, kind)
                return position + 2 if opened else DECLINED, kind
            if end != CLOSE_LIST:
                return DECLINED, kind
            position += 1
            parent_slot.fill = work.kinds[kind].rows
        kind = work.kinds[kind].parent
        work.kinds[kind].present |= parent_slot.bit
