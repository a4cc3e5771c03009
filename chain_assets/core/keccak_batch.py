"""Keccak-256 of many byte strings at once, eight of them side by side, without the GIL.

    strings of one buffer (start, length)  →  each to the next lane that is free
    →  all eight lanes through the permutation (core/keccak_simd.py)  →  (n, 32) digests

A lane takes the next string as soon as its own is done, so that no lane waits for a longer
neighbour, and strings are read in the order in which they lie in memory.
Needs numba; core/keccak.py gives the same digests one by one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from chain_assets.core.keccak_simd import LANES, RATE_WORDS, absorb
from chain_assets.core.raw_memory import copy, prefetch, store_byte

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_RATE: Final = 8 * RATE_WORDS  # 136 bytes
_STATE_WORDS: Final = 25
_ALL_BITS = np.uint64(2**64 - 1)
_AHEAD: Final = LANES
_CACHE_LINE: Final = 64
_IDLE: Final = -1


def keccak256_slices(data: Bytes, starts: Longs, lengths: Longs) -> Bytes:
    """The digests of `data[starts[i] : starts[i] + lengths[i]]`: an array of (n, 32) bytes.

    Raises ValueError where a slice does not lie within `data`, before any byte is read.
    """
    check_slices(data, starts, lengths)
    data = read_only(data)
    return keccak256_at(data.ctypes.data + starts, lengths)


def keccak256_at(addresses: Longs, lengths: Longs) -> Bytes:
    """The same for strings by their addresses in memory, which are trusted: (n, 32) bytes."""
    digests = np.empty((len(addresses), 4), np.uint64)
    _hash_strings(addresses, lengths, digests)
    return digests.view(np.uint8)


def read_only(data: npt.NDArray[Any]) -> Any:
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
def _hash_strings(addresses: Longs, lengths: Longs, out: Words) -> None:
    states = np.zeros((_STATE_WORDS, LANES), np.uint64)
    keep = np.zeros(LANES, np.uint64)
    # One row for the last block of each lane's string, and one that stays zero.
    padded = np.zeros((LANES + 1, _RATE), np.uint8)
    zeros = padded.ctypes.data + LANES * _RATE
    blocks = np.zeros(LANES, np.int64)  # where each lane's next block is
    string = np.full(LANES, _IDLE)  # which string each lane is at,
    remaining = np.zeros(LANES, np.int64)  # how much of it is left,
    place = np.zeros(LANES, np.int64)  # and where
    begun, done = 0, 0
    while done < len(addresses):
        for lane in range(LANES):
            keep[lane] = _ALL_BITS
            if string[lane] == _IDLE:
                if begun == len(addresses):
                    # The lane turns with the others, and nobody looks at it.
                    blocks[lane] = zeros
                    continue
                place[lane], remaining[lane] = addresses[begun], lengths[begun]
                string[lane], keep[lane] = begun, 0
                begun += 1
                if begun + _AHEAD < len(addresses):
                    _announce(addresses[begun + _AHEAD], lengths[begun + _AHEAD])
            blocks[lane] = place[lane]
            if remaining[lane] < _RATE:
                blocks[lane] = padded.ctypes.data + lane * _RATE
                _pad(blocks[lane], zeros, place[lane], remaining[lane])
            place[lane] += _RATE
            remaining[lane] -= _RATE
        absorb(states.ctypes.data, blocks.ctypes.data, keep.ctypes.data)
        for lane in range(LANES):
            # Below 0: the block just taken in was the last, with the padding.
            if string[lane] != _IDLE and remaining[lane] < 0:
                for word in range(4):
                    out[string[lane], word] = states[word, lane]
                string[lane] = _IDLE
                done += 1


@njit(nogil=True, cache=True, boundscheck=False)
def _announce(address: int, length: int) -> None:
    """Have a string fetched that will be needed soon: of a large batch it is not in the cache."""
    for line in range(0, length, _CACHE_LINE):
        prefetch(address + line)


@njit(nogil=True, cache=True, boundscheck=False)
def _pad(block: int, zeros: int, address: int, length: int) -> None:
    """The last block of a string: its last `length` bytes, below 136, and the padding."""
    copy(block, zeros, _RATE)
    copy(block, address, length)
    store_byte(block + length, 0x01)
    store_byte(block + _RATE - 1, 0x81 if length == _RATE - 1 else 0x80)
