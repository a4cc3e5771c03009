"""A fresh record for the kernel, filled from the layout."""

from __future__ import annotations

from typing import Any

import numpy as np

from chain_assets.core.json_kernel.layout import (
    APPENDING,
    FIRST_SLOT,
    NUMBER_BYTES,
    OBJECT,
    OBJECTS,
    SLOTS,
    bit_of,
)
from chain_assets.core.json_kernel.work import (
    BUCKETS,
    FIRST_FACTOR,
    LAST_FACTOR,
    NOTHING,
    WORK,
)


def new_work() -> Any:
    """A WORK record as an array of one, without the addresses and limits of buffers."""
    work = np.zeros(1, WORK)
    _fill_slots(work[0]["slots"], work[0]["keys"])
    _fill_kinds(work[0]["kinds"])
    _fill_buckets(work[0]["buckets"])
    return work


def _fill_slots(rows: Any, keys: Any) -> None:
    for index, (slot, row, key) in enumerate(zip(SLOTS, rows, keys, strict=True)):
        text = f'{slot.key}":'.encode()
        key[: len(text)] = np.frombuffer(text, np.uint8)
        row["key_length"], row["bit"] = len(text), bit_of(slot.path)
        row["code"], row["width"], row["child"] = slot.code, slot.width, slot.child
        row["next"] = index


def _fill_kinds(rows: Any) -> None:
    for kind, row in enumerate(rows):
        own = [slot for slot in SLOTS if slot.kind == kind]
        row["first"] = FIRST_SLOT[kind]
        row["first_key"] = FIRST_SLOT[kind] + next(i for i, slot in enumerate(own) if slot.key)
        row["appending"] = sum(bit_of(slot.path) for slot in own if slot.code in APPENDING)
        row["required"] = sum(bit_of(slot.path) for slot in own if slot.required)
        row["defaulted"] = sum(bit_of(slot.path) for slot in own if slot.defaulted)
        row["numbers"] = sum(bit_of(slot.path) for slot in own if slot.code in NUMBER_BYTES)
    for index, slot in enumerate(SLOTS):
        if slot.code in (OBJECTS, OBJECT):
            rows[slot.child]["parent"], rows[slot.child]["parent_slot"] = slot.kind, index


def _fill_buckets(buckets: Any) -> None:
    """`buckets[kind, key_bucket(key)]` is the key's slot; where it is taken, the next free one."""
    buckets[:] = NOTHING
    for index, slot in enumerate(SLOTS):
        if slot.key:
            bucket = key_bucket(slot.key.encode())
            while buckets[slot.kind, bucket] != NOTHING:
                bucket = (bucket + 1) % BUCKETS
            buckets[slot.kind, bucket] = index


def key_bucket(key: bytes) -> int:
    """The bucket of a key: a hash of its length and its first and last 8 bytes."""
    first = int.from_bytes(key[:8], "little")
    last = int.from_bytes(key[-8:], "little") if len(key) >= 8 else 0
    return ((first * FIRST_FACTOR + last * LAST_FACTOR + len(key)) >> 56) % BUCKETS
