"""RLP lists of many rows at once, a field at a time: the compiled loops.

    add_lengths       field by field: how long will each row's list be?
    write_prefixes    envelope type and list prefix of each row, at its place
    write_field       field by field: append to each row

`rows` are the rows of a group (all transactions of one type, say); `cursors` holds for each row
where its next byte goes. The callers allocate what add_lengths asks for (rlp_batch.py), and the
slices were checked against their buffers there, so that no loop here has to.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs
from chain_assets.core.proofs.memory import copy_bytes

STRING: Final = 0
LIST: Final = 1
RAW: Final = 2
ABSENT: Final = -1


@njit(nogil=True, cache=True, boundscheck=False)
def prefix_length(length: int) -> int:
    """How many bytes the prefix of a payload of `length` bytes takes (yellow paper, appendix B)."""
    if length < 56:
        return 1
    size = 1
    while length > 0:
        length >>= 8
        size += 1
    return size


@njit(nogil=True, cache=True, boundscheck=False)
def write_prefix(out: Bytes, place: int, length: int, base: int) -> int:
    """Write the prefix (`base` 0x80 for a string, 0xC0 for a list); returns the place after it."""
    if length < 56:
        out[place] = base + length
        return place + 1
    size = prefix_length(length) - 1
    out[place] = base + 55 + size
    for byte in range(size):
        out[place + 1 + byte] = (length >> (8 * (size - 1 - byte))) & 0xFF
    return place + 1 + size


@njit(nogil=True, cache=True, boundscheck=False)
def string_length(data: Bytes, start: int, length: int) -> int:
    """How many bytes a string takes with its prefix; one byte below 0x80 stands for itself."""
    if length == 1 and data[start] < 0x80:
        return 1
    return prefix_length(length) + length


@njit(nogil=True, cache=True, boundscheck=False)
def write_string(out: Bytes, place: int, data: Bytes, start: int, length: int) -> int:
    """Write a string with its prefix; returns the place after it."""
    if length != 1 or data[start] >= 0x80:
        place = write_prefix(out, place, length, 0x80)
    return copy_bytes(out, place, data, start, length)


@njit(nogil=True, cache=True, boundscheck=False)
def strip_zeros(data: Bytes, starts: Longs, lengths: Longs) -> None:
    """Move each slice past its leading zeros, in place: RLP integers have none."""
    for row in range(len(starts)):
        while lengths[row] > 0 and data[starts[row]] == 0:
            starts[row] += 1
            lengths[row] -= 1


@njit(nogil=True, cache=True, boundscheck=False)
def add_lengths(
    rows: Longs, data: Bytes, starts: Longs, lengths: Longs, kind: int, totals: Longs
) -> None:
    """Add to `totals` what this field takes in each of `rows`."""
    for row in rows:
        length = lengths[row]
        if length == ABSENT:
            continue
        if kind == RAW:
            totals[row] += length
        elif kind == LIST:
            totals[row] += prefix_length(length) + length
        else:
            totals[row] += string_length(data, starts[row], length)


@njit(nogil=True, cache=True, boundscheck=False)
def write_prefixes(
    rows: Longs, totals: Longs, envelopes: Bytes, out: Bytes, cursors: Longs
) -> None:
    """Begin the list of each of `rows`: its envelope's type, unless that is 0, and its prefix."""
    for row in rows:
        place = cursors[row]
        if envelopes[row] != 0:
            out[place] = envelopes[row]
            place += 1
        cursors[row] = write_prefix(out, place, totals[row], 0xC0)


@njit(nogil=True, cache=True, boundscheck=False)
def write_field(
    rows: Longs,
    data: Bytes,
    starts: Longs,
    lengths: Longs,
    kind: int,
    out: Bytes,
    cursors: Longs,
) -> None:
    """Append this field to the list of each of `rows`."""
    for row in rows:
        length = lengths[row]
        if length == ABSENT:
            continue
        place = cursors[row]
        if kind == STRING:
            cursors[row] = write_string(out, place, data, starts[row], length)
            continue
        if kind == LIST:
            place = write_prefix(out, place, length, 0xC0)
        cursors[row] = copy_bytes(out, place, data, starts[row], length)


@njit(nogil=True, cache=True, boundscheck=False)
def list_lengths(totals: Longs, envelopes: Bytes) -> Longs:
    """The whole lengths of lists with payloads of `totals` bytes; 0 where that is ABSENT."""
    out = np.zeros(len(totals), np.int64)
    for row in range(len(totals)):
        if totals[row] != ABSENT:
            out[row] = prefix_length(totals[row]) + totals[row] + (envelopes[row] != 0)
    return out
