"""From the text of a key to its slot."""

from __future__ import annotations

from chain_assets.core.json_kernel.simd import (
    compiled,
    equal_32,
    get,
    inlined,
    load_8_bytes,
    plain_mask,
    put,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import (
    BUCKET_SLOTS,
    BUCKETS,
    FIRST_FACTOR,
    FIRST_KEY,
    GUESS,
    KEY_BYTES,
    KEY_LENGTH,
    KEYS,
    LAST,
    LAST_FACTOR,
    NEXT,
    NOTHING,
    kind_row,
    slot_row,
)


@inlined
def bucket_of(key: int, length: int) -> int:
    """tables.key_bucket of the `length` bytes at `key`."""
    first = load_8_bytes(key)
    last = 0
    if length < 8:
        first &= (1 << (8 * length)) - 1
    else:
        last = load_8_bytes(key + length - 8)
    mixed = first * FIRST_FACTOR + last * LAST_FACTOR + length
    return (mixed >> 56) & (BUCKETS - 1)


@inlined
def has_key(position: int, text: int, length: int) -> bool:
    """Whether the key at `position`, with its quote and colon, is the one of `length` at `text`."""
    wanted = (1 << length) - 1
    return equal_32(position, text) & wanted == wanted


@inlined
def slot_of_key(work: int, kind: int, position: int) -> int:
    """The slot of the key at `position` (behind its quote), or NOTHING.

    Nodes write the keys of all objects of a kind in one order: after each key its slot remembers
    which came next, and that one is compared first.
    """
    fields = kind_row(work, kind)
    index = get(fields, GUESS)
    length = get(slot_row(work, index), KEY_LENGTH)
    if not has_key(position, work + KEYS + index * KEY_BYTES, length):
        index = _find_slot(work, kind, position)
        if index == NOTHING:
            return NOTHING
        if get(fields, LAST) == NOTHING:
            put(fields, FIRST_KEY, index)
        else:
            put(slot_row(work, get(fields, LAST)), NEXT, index)
    put(fields, LAST, index)
    put(fields, GUESS, get(slot_row(work, index), NEXT))
    return index


@compiled
def _find_slot(work: int, kind: int, position: int) -> int:
    bucket = bucket_of(position, trailing_zeros(~plain_mask(position)))
    while True:
        index = get(work + BUCKET_SLOTS, 8 * (kind * BUCKETS + bucket))
        if index == NOTHING:
            return NOTHING
        length = get(slot_row(work, index), KEY_LENGTH)
        if has_key(position, work + KEYS + index * KEY_BYTES, length):
            return index
        bucket = (bucket + 1) & (BUCKETS - 1)
