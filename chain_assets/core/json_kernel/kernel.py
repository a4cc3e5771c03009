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

import numpy as np

from chain_assets.core.json_kernel.keys import slot_of_key
from chain_assets.core.json_kernel.layout import (
    DOCUMENT,
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
    NULL,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    in_window,
    skip_value,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    get,
    inlined,
    load_4_bytes,
    load_byte,
    put,
    store_byte,
)
from chain_assets.core.json_kernel.unknown import note_unknown, settle_unknown
from chain_assets.core.json_kernel.values import read_topics, read_value
from chain_assets.core.json_kernel.work import (
    ADDRESS,
    BIT,
    CHILD,
    CODE,
    FILL,
    GUARD,
    KEY_LENGTH,
    LENGTH,
    NOTHING,
    PARENT,
    PARENT_SLOT,
    PAYLOAD_ROW,
    PRESENT,
    ROWS,
    SEEN,
    SHIFT,
    TAIL,
    TAKEN,
    TURN,
    kind_row,
    slot_row,
)

_PAYLOAD_BYTES = PAYLOAD_ROW.itemsize
_FIRST_TOPIC = bit_of("log.topic0")


@compiled
def read_payloads(work: int, payloads: int, count: int) -> None:
    """Read `count` payloads, whose PAYLOAD_ROWs stand at `payloads`, and say which were taken."""
    for index in range(count):
        payload = payloads + index * _PAYLOAD_BYTES
        save_document(work)
        end = _lay_out(work, get(payload, ADDRESS), get(payload, LENGTH))
        taken = read_document(work, payload) == end
        put(payload, TAKEN, taken)
        settle_unknown(work, taken)
        if not taken:
            undo_document(work)


@compiled
def _lay_out(work: int, address: int, length: int) -> int:
    """Copy the end of the payload to the tail and set the window; the end of the text there."""
    tail = work + TAIL
    copied = min(length, GUARD)
    for at in range(copied):
        store_byte(tail + at, load_byte(address + length - copied + at))
    for at in range(copied, GUARD + GUARD):
        store_byte(tail + at, 0)
    put(work, TURN, address + length - GUARD)
    put(work, SHIFT, tail + copied - (address + length))
    return tail + copied


@compiled
def read_document(work: int, payload: int) -> int:
    """Read one document; the position behind it, or DECLINED."""
    position = in_window(get(payload, ADDRESS), work)
    if load_byte(position) != OPEN_OBJECT or not open_row(work, DOCUMENT):
        return DECLINED
    position += 1
    # As a plain number: numba would compile whatever takes it once more for the constant.
    kind = int(np.int64(DOCUMENT))
    while True:
        position = in_window(position, work)
        if load_byte(position) != QUOTE:
            return DECLINED
        position += 1
        index = slot_of_key(work, kind, position)
        if index == NOTHING:
            position = note_unknown(work, kind, position)
            if position == DECLINED:
                return DECLINED
            position = skip_value(position, work)
        else:
            slot = slot_row(work, index)
            position += get(slot, KEY_LENGTH)
            fields = kind_row(work, kind)
            if get(fields, SEEN) & get(slot, BIT):
                return DECLINED
            put(fields, SEEN, get(fields, SEEN) | get(slot, BIT))
            inside = enter(slot, position)
            if inside != DECLINED:
                kind, position = get(slot, CHILD), inside
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
            return position if close_document(work, payload) else DECLINED


@inlined
def enter(slot: int, position: int) -> int:
    """Behind the brace of the first object in the slot's value, or DECLINED where there is none."""
    if get(slot, CODE) == OBJECTS:
        if load_byte(position) == OPEN_LIST and load_byte(position + 1) == OPEN_OBJECT:
            return position + 2
    elif get(slot, CODE) == OBJECT and load_byte(position) == OPEN_OBJECT:
        return position + 1
    return DECLINED


@inlined
def read_known(work: int, kind: int, slot: int, position: int) -> int:
    """Read the value of a slot, which holds no objects; the position behind it, or DECLINED."""
    code = get(slot, CODE)
    if code == SKIPPED:
        return skip_value(position, work)
    if load_4_bytes(position) == NULL:
        return position + 4
    fields = kind_row(work, kind)
    present = get(fields, PRESENT) | get(slot, BIT)
    put(fields, PRESENT, present)
    if code == TOPICS:
        position, count = read_topics(position, work)
        put(fields, PRESENT, present | ((1 << count) - 1) * _FIRST_TOPIC)
        return position
    if code == OBJECTS:
        empty = load_byte(position) == OPEN_LIST and load_byte(position + 1) == CLOSE_LIST
        return position + 2 if empty else DECLINED
    if code == OBJECT:
        return DECLINED
    return read_value(position, work, slot, kind, get(fields, ROWS))


@inlined
def close_objects(work: int, kind: int, position: int) -> tuple[int, int]:
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
        parent_slot = slot_row(work, get(kind_row(work, kind), PARENT_SLOT))
        if get(parent_slot, CODE) == OBJECTS:
            end = load_byte(position)
            if end == COMMA:
                opened = load_byte(position + 1) == OPEN_OBJECT and open_row(work, kind)
                return position + 2 if opened else DECLINED, kind
            if end != CLOSE_LIST:
                return DECLINED, kind
            position += 1
            put(parent_slot, FILL, get(kind_row(work, kind), ROWS))
        kind = get(kind_row(work, kind), PARENT)
        parent = kind_row(work, kind)
        put(parent, PRESENT, get(parent, PRESENT) | get(parent_slot, BIT))
