"""The blooms of many receipts at once (yellow paper, section 4.3.1).

    addresses, topics  →  Keccak-256 of each distinct one  →  three bits each  →  OR by receipt

A few contracts and topics fill most of a block, so equal values are hashed once: a table of the
last value seen at each slot finds most repetitions, and costs less than finding all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs, keccak256_slices
from chain_assets.core.keccak_simd import load_word
from chain_assets.core.proofs.rlp_kernel import ABSENT
from chain_assets.core.proofs.slices import Slices

_SLOT_BITS = 14
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)
_MIX_FIRST = np.uint64(0x9E3779B97F4A7C15)  # odd, and of many bits: any such numbers would do
_MIX = np.uint64(0xD6E8FEB86659FD93)


def receipt_blooms(columns: Sequence[Slices], *, owners: Longs, count: int) -> Bytes:
    """The blooms of `count` receipts: (count, 256).

    `columns` are the addresses and topics of logs, row by row, ABSENT where a log has no such
    topic; `owners[row]` is the receipt of the log.
    """
    blooms = np.zeros((count, 256), np.uint8)
    for column in columns:
        digest_of = np.full(len(column), ABSENT, np.int64)
        hashed = _distinct(
            column.data, column.starts, column.lengths, np.full(1 << _SLOT_BITS, -1), digest_of
        )
        digests = keccak256_slices(column.data, column.starts[hashed], column.lengths[hashed])
        _set_bits(digests, digest_of, owners, blooms)
    return blooms


@njit(nogil=True, cache=True, boundscheck=False)
def _distinct(data: Bytes, starts: Longs, lengths: Longs, slots: Longs, digest_of: Longs) -> Longs:
    """The rows to hash; `digest_of[row]` becomes the place of the row's value among them."""
    rows = np.empty(len(starts), np.int64)
    used = 0
    for row in range(len(starts)):
        if lengths[row] == ABSENT:
            continue
        slot = _slot(data, starts[row], lengths[row])
        known = slots[slot]
        if known < 0 or not _equal(data, starts, lengths, rows[known], row):
            slots[slot] = known = used
            rows[used] = row
            used += 1
        digest_of[row] = known
    return rows[:used].copy()


@njit(nogil=True, cache=True, boundscheck=False)
def _slot(data: Bytes, start: int, length: int) -> np.int64:
    """A slot made of the first and the last eight bytes."""
    if length < 8:
        return np.int64(0)
    address = data.ctypes.data + start
    mixed = load_word(address) * _MIX_FIRST ^ load_word(address + length - 8)
    return np.int64((mixed * _MIX) >> _SLOT_SHIFT)


@njit(nogil=True, cache=True, boundscheck=False)
def _equal(data: Bytes, starts: Longs, lengths: Longs, left: int, right: int) -> bool:
    length, first, second = lengths[left], starts[left], starts[right]
    if length != lengths[right]:
        return False
    base = data.ctypes.data
    whole = length // 8 * 8
    for place in range(0, whole, 8):
        if load_word(base + first + place) != load_word(base + second + place):
            return False
    for place in range(whole, length):  # noqa: SIM110 (numba has no all())
        if data[first + place] != data[second + place]:
            return False
    return True


@njit(nogil=True, cache=True, boundscheck=False)
def _set_bits(digests: Bytes, digest_of: Longs, owners: Longs, blooms: Bytes) -> None:
    for row in range(len(digest_of)):
        if digest_of[row] == ABSENT:
            continue
        digest, bloom = digests[digest_of[row]], blooms[owners[row]]
        for place in range(0, 6, 2):
            bit = ((np.int64(digest[place]) << 8) | np.int64(digest[place + 1])) & 2047
            bloom[255 - (bit >> 3)] |= np.uint8(1 << (bit & 7))
