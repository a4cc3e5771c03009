"""Keccak-256 of many byte strings at once, eight of them side by side, without the GIL.

    strings of one buffer (start, length)  →  sorted by how many 136-byte blocks each takes
    →  eight at a time through the permutation (core/keccak_simd.py)  →  (n, 32) digests

Sorting keeps the lanes of a group about equally long, so that none runs empty beside a long one.
Needs numba; core/keccak.py gives the same digests one by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from chain_assets.core.keccak_simd import LANES, load_word, permute

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_RATE = 136  # bytes of a message that one permutation takes in
_FIRST_PAD = np.uint64(1)
_LAST_PAD = np.uint64(0x80 << 56)


def keccak256_slices(data: Bytes, starts: Longs, lengths: Longs) -> Bytes:
    """The digests of `data[starts[i] : starts[i] + lengths[i]]`: an array of (n, 32) bytes.

    Raises ValueError where a slice does not lie within `data`, before any byte is read.
    """
    check_slices(data, starts, lengths)
    digests = np.empty((len(starts), 32), np.uint8)
    if len(starts):
        order = np.argsort(lengths // _RATE, kind="stable")
        _hash_groups(read_only(data), starts, lengths, order, digests)
    return digests


def read_only(data: Bytes) -> Bytes:
    """`data` as a contiguous array that cannot be written: one type for numba, whoever owns it."""
    view = np.ascontiguousarray(data).view()
    view.flags.writeable = False
    return view


def check_slices(data: Bytes, starts: Longs, lengths: Longs) -> None:
    """Raise ValueError unless each slice lies within `data`: the kernels check no bounds."""
    if len(starts) != len(lengths):
        raise ValueError(f"{len(starts)} starts for {len(lengths)} lengths")
    if len(starts) and (
        lengths.min() < 0 or starts.min() < 0 or (starts + lengths).max() > len(data)
    ):
        raise ValueError(f"a slice lies outside of the {len(data)} bytes")


@njit(nogil=True, cache=True, boundscheck=False)
def _hash_groups(data: Bytes, starts: Longs, lengths: Longs, order: Longs, out: Bytes) -> None:
    state = np.zeros((25, LANES), np.uint64)
    for first in range(0, len(order), LANES):
        group = order[first : first + LANES]
        state[:] = 0
        longest = lengths[group[-1]] // _RATE
        for block in range(longest + 1):
            for lane in range(len(group)):
                remaining = lengths[group[lane]] - _RATE * block
                if remaining >= 0:
                    position = starts[group[lane]] + _RATE * block
                    _absorb(state, lane, data, position, remaining)
            permute(state.ctypes.data)
            for lane in range(len(group)):
                # A lane that is done goes on turning with the others; its digest is taken now.
                if lengths[group[lane]] // _RATE == block:
                    _squeeze(state, lane, out[group[lane]])


@njit(nogil=True, cache=True, boundscheck=False)
def _absorb(state: Words, lane: int, data: Bytes, position: int, remaining: int) -> None:
    """Mix in the next block of a message: 136 bytes, or what is left of it with its padding."""
    words = min(remaining, _RATE) // 8
    address = data.ctypes.data + position
    for word in range(words):
        state[word, lane] ^= load_word(address + 8 * word)
    if remaining >= _RATE:
        return
    last = _FIRST_PAD << np.uint64(8 * (remaining % 8))
    for byte in range(remaining % 8):
        last |= np.uint64(data[position + 8 * words + byte]) << np.uint64(8 * byte)
    state[words, lane] ^= last
    state[_RATE // 8 - 1, lane] ^= _LAST_PAD


@njit(nogil=True, cache=True, boundscheck=False)
def _squeeze(state: Words, lane: int, digest: Bytes) -> None:
    for word in range(4):
        value = state[word, lane]
        for byte in range(8):
            digest[8 * word + byte] = np.uint8((value >> np.uint64(8 * byte)) & np.uint64(0xFF))
