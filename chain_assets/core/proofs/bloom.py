"""The blooms of many receipts at once (yellow paper, section 4.3.1).

    addresses, topics  →  Keccak-256 of each distinct one  →  three bits each  →  OR by receipt

A few contracts and topics fill most of a block, so equal values are hashed once: a table of the
last value seen at each slot finds most repetitions, and costs less than finding all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs, keccak256_at
from chain_assets.core.proofs.rlp_kernel import ABSENT, DATA, FIELD, LENGTHS, STARTS, FieldTable
from chain_assets.core.proofs.slices import Slices, field_table
from chain_assets.core.raw_memory import load_byte, load_long, load_word

_SLOT_BITS = 14
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)
_MIX_FIRST = np.uint64(0x9E3779B97F4A7C15)  # odd, and of many bits: any such numbers would do
_MIX = np.uint64(0xD6E8FEB86659FD93)


def receipt_blooms(columns: Sequence[Slices], *, owners: Longs, count: int) -> Bytes:
    """The blooms of `count` receipts: (count, 256).

    `columns` are the addresses and topics of logs, row by row, ABSENT where a log has no such
    topic; `owners[row]` is the receipt of the log.
    """
    digest_of = np.empty((len(owners), len(columns)), np.int64)
    slots = np.full((1 << _SLOT_BITS, 3), ABSENT)
    fields = field_table(columns, len(owners))
    addresses, lengths = _distinct(fields, slots, digest_of)
    digests = keccak256_at(addresses, lengths)
    blooms = np.zeros((count, 256), np.uint8)
    _set_bits(_bits(digests), digest_of, owners, blooms)
    return blooms


@njit(nogil=True, cache=True, boundscheck=False)
def _distinct(fields: FieldTable, slots: Longs, digest_of: Longs) -> tuple[Longs, Longs]:
    """The values to hash, as addresses and lengths.

    `digest_of[row, column]` becomes the place of that value among them, or ABSENT. `slots` has the
    place of the last value at each slot, its address and its length: all in one line of the cache.
    """
    addresses, lengths = np.empty(digest_of.size, np.int64), np.empty(digest_of.size, np.int64)
    table, used = fields.ctypes.data, 0
    for row in range(digest_of.shape[0]):
        for column in range(digest_of.shape[1]):
            field = table + column * FIELD
            length = load_long(load_long(field + LENGTHS) + 8 * row)
            if length == ABSENT:
                digest_of[row, column] = ABSENT
                continue
            start = load_long(load_long(field + STARTS) + 8 * row)
            address = load_long(field + DATA) + start
            slot = _slot(address, length)
            if not _equal(address, length, slots[slot, 1], slots[slot, 2]):
                slots[slot, 0], slots[slot, 1], slots[slot, 2] = used, address, length
                addresses[used], lengths[used] = address, length
                used += 1
            digest_of[row, column] = slots[slot, 0]
    return addresses[:used].copy(), lengths[:used].copy()


@njit(nogil=True, cache=True, boundscheck=False)
def _slot(address: int, length: int) -> np.int64:
    """A slot made of the first and the last eight bytes."""
    if length < 8:
        return np.int64(0)
    mixed = load_word(address) * _MIX_FIRST ^ load_word(address + length - 8)
    return np.int64((mixed * _MIX) >> _SLOT_SHIFT)


@njit(nogil=True, cache=True, boundscheck=False)
def _equal(left: int, length: int, right: int, right_length: int) -> bool:
    if length != right_length:
        return False
    whole = length // 8 * 8
    for place in range(0, whole, 8):
        if load_word(left + place) != load_word(right + place):
            return False
    for place in range(whole, length):
        if load_byte(left + place) != load_byte(right + place):
            return False
    return True


def _bits(digests: Bytes) -> Longs:
    """The three bits that each digest sets: its first three pairs of bytes, modulo 2048."""
    pairs: Longs = digests[:, :6].copy().view(">u2").astype(np.int64) & 2047
    return pairs


@njit(nogil=True, cache=True, boundscheck=False)
def _set_bits(bits: Longs, digest_of: Longs, owners: Longs, blooms: Bytes) -> None:
    for row in range(len(digest_of)):
        bloom = blooms[owners[row]]
        for column in range(digest_of.shape[1]):
            digest = digest_of[row, column]
            if digest == ABSENT:
                continue
            for place in range(3):
                bit = bits[digest, place]
                bloom[255 - (bit >> 3)] |= np.uint8(1 << (bit & 7))
