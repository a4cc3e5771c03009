"""RLP lists of many rows at once, a row at a time: the compiled loops.

    list_payloads     how long will each row's list be?
    write_lists       each row's list at its place: envelope type, prefix, fields

`rows` are the rows of a group (all transactions of one type, say). `fields` is a table of where the
fields lie in memory (slices.py), so that one loop writes whatever fields a group has, and what it
writes last is what it continues. The callers allocate what list_payloads asks for (rlp_batch.py).

The small functions take addresses and no arrays. To hand an array on numba counts one more
reference to it, and that alone took longer than to write most fields.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs, Words
from chain_assets.core.raw_memory import copy, load_byte, load_long, store_byte, store_long

Offsets = npt.NDArray[np.int32]
FieldTable = npt.NDArray[np.int64]

# Where in a row of a field table stand the addresses of the field's arrays, and its kind.
DATA: Final = 0
STARTS: Final = 8
LENGTHS: Final = 16
KIND: Final = 24
FIELD: Final = 32  # bytes of a row

STRING: Final = 0
LIST: Final = 1
HOLE: Final = 2
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
def write_prefix(place: int, length: int, base: int) -> int:
    """Write the prefix (`base` 0x80 for a string, 0xC0 for a list); returns the place after it."""
    if length < 56:
        store_byte(place, base + length)
        return place + 1
    size = prefix_length(length) - 1
    store_byte(place, base + 55 + size)
    for byte in range(size):
        store_byte(place + 1 + byte, length >> (8 * (size - 1 - byte)))
    return place + 1 + size


@njit(nogil=True, cache=True, boundscheck=False)
def string_length(address: int, length: int) -> int:
    """How many bytes a string takes with its prefix; one byte below 0x80 stands for itself."""
    if length == 1 and load_byte(address) < 0x80:
        return 1
    return prefix_length(length) + length


@njit(nogil=True, cache=True, boundscheck=False)
def write_string_prefix(place: int, address: int, length: int) -> int:
    """Write the prefix of a string, if it has one; returns the place after it."""
    if length == 1 and load_byte(address) < 0x80:
        return place
    return write_prefix(place, length, 0x80)


@njit(nogil=True, cache=True, boundscheck=False)
def copy_bytes(place: int, address: int, length: int) -> int:
    """Write `length` bytes that lie at `address`; returns the place after them."""
    copy(place, address, length)
    return place + length


@njit(nogil=True, cache=True, boundscheck=False)
def field_length(field: int, row: int) -> int:
    """How many bytes one row takes of the field whose row in the table is at `field`."""
    length: int = load_long(load_long(field + LENGTHS) + 8 * row)
    if length == ABSENT:
        return 0
    if load_long(field + KIND) != STRING:
        return prefix_length(length) + length
    start: int = load_long(load_long(field + STARTS) + 8 * row)
    size: int = string_length(load_long(field + DATA) + start, length)
    return size


@njit(nogil=True, cache=True, boundscheck=False)
def write_field(field: int, row: int, place: int) -> int:
    """Write one row of the field whose row in the table is at `field`; returns the place after."""
    length: int = load_long(load_long(field + LENGTHS) + 8 * row)
    kind, start = load_long(field + KIND), load_long(field + STARTS) + 8 * row
    if length == ABSENT:
        return place
    if kind == HOLE:
        place = write_prefix(place, length, 0xC0)
        store_long(start, place)
        return place + length
    address = load_long(field + DATA) + load_long(start)
    if kind == STRING:
        place = write_string_prefix(place, address, length)
    elif kind == LIST:
        place = write_prefix(place, length, 0xC0)
    return copy_bytes(place, address, length)


@njit(nogil=True, cache=True, boundscheck=False)
def list_payloads(rows: Longs, fields: FieldTable, totals: Longs) -> None:
    """Set `totals` to the bytes that all fields take in each of `rows`."""
    table = fields.ctypes.data
    end = table + len(fields) * FIELD
    for row in rows:
        total = 0
        for field in range(table, end, FIELD):
            total += field_length(field, row)
        totals[row] = total


@njit(nogil=True, cache=True, boundscheck=False)
def list_lengths(totals: Longs, envelopes: Bytes) -> Longs:
    """The whole lengths of lists with payloads of `totals` bytes; 0 where that is ABSENT."""
    out = np.zeros(len(totals), np.int64)
    for row in range(len(totals)):
        if totals[row] != ABSENT:
            out[row] = prefix_length(totals[row]) + totals[row] + (envelopes[row] != 0)
    return out


@njit(nogil=True, cache=True, boundscheck=False)
def write_lists(
    rows: Longs, fields: FieldTable, totals: Longs, envelopes: Bytes, out: Bytes, starts: Longs
) -> None:
    """Write the list of each of `rows`: its envelope's type, unless that is 0, and its fields."""
    table, base = fields.ctypes.data, out.ctypes.data
    for row in rows:
        place = base + starts[row]
        if envelopes[row] != 0:
            store_byte(place, envelopes[row])
            place += 1
        place = write_prefix(place, totals[row], 0xC0)
        for field in range(table, table + len(fields) * FIELD, FIELD):
            place = write_field(field, row, place)


@njit(nogil=True, cache=True, boundscheck=False)
def write_strings(fields: FieldTable, out: Bytes, starts: Longs) -> None:
    """Write the only field of each row, without the prefix of a list."""
    field, base = fields.ctypes.data, out.ctypes.data
    for row in range(len(starts)):
        write_field(field, row, base + starts[row])


@njit(nogil=True, cache=True, boundscheck=False)
def split_offsets(offsets: Offsets, starts: Longs, lengths: Longs) -> None:
    """Where the values of an Arrow column begin, and how long they are, by its offsets."""
    for row in range(len(starts)):
        starts[row] = offsets[row]
        lengths[row] = offsets[row + 1] - offsets[row]


@njit(nogil=True, cache=True, boundscheck=False)
def write_integers(words: Words, data: Bytes, starts: Longs, lengths: Longs) -> None:
    """Integers of one or two 64-bit words, the low one first, as big-endian bytes without leading
    zeros: each at the end of its place in `data`, which is zero before."""
    width = 8 * words.shape[1]
    for row in range(len(words)):
        end = (row + 1) * width
        start = _write_integer(words[row, 0], data, end)
        if width > 8 and words[row, 1] != 0:
            start = _write_integer(words[row, 1], data, end - 8)
        starts[row], lengths[row] = start, end - start


@njit(nogil=True, cache=True, boundscheck=False)
def _write_integer(value: np.uint64, data: Bytes, end: int) -> int:
    while value != 0:
        end -= 1
        data[end] = value & np.uint64(0xFF)
        value >>= np.uint64(8)
    return end


@njit(nogil=True, cache=True, boundscheck=False)
def strip_zeros(data: Bytes, starts: Longs, lengths: Longs) -> None:
    """Move each slice past its leading zeros, in place: RLP integers have none."""
    for row in range(len(starts)):
        while lengths[row] > 0 and data[starts[row]] == 0:
            starts[row] += 1
            lengths[row] -= 1
