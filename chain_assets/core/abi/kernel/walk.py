"""The rules of abi/decoding.py, one row at a time: is it good, how large is it, and copy it.

A walk follows a program (kernel/programs.py) through the bytes of a row. The first walk of each
row checks and counts; the second copies the values of the rows that were good, whose counts have
told how much room they need. A row that is refused here may still be good: text that is not
ASCII, for one, is left to the other route.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chain_assets.core.abi.fates import MAX_DECODED_BYTES, MAX_GROWTH
from chain_assets.core.abi.kernel.layouts import BODY, UNSIGNED
from chain_assets.core.abi.kernel.memory import (
    compiled,
    copy_bytes,
    copy_word,
    inlined,
    load,
    load_byte,
    load_number,
    store,
    store_half,
)
from chain_assets.core.abi.kernel.programs import ANY_SIZE, ARRAY, BLOB, WORD
from chain_assets.core.abi.kernel.sources import Longs, place_of, size_of
from chain_assets.core.abi.types import MAX_DEPTH

Flags = npt.NDArray[np.bool_]

_ZERO = np.uint64(0)
_NOT_ASCII = np.uint64(0x8080808080808080)
# Larger than any data: what a hostile length or pointer becomes.
_BEYOND = 1 << 40

# Columns of the stack: where an array or tuple begins, where its next head is, where its pointers
# may lead to at least, and its next child, how far the one after it is, and how many are left.
_PLACE, _HEAD, _LOWEST, _CHILD, _STEP, _LEFT = range(6)
_STACK = (MAX_DEPTH + 3, 6)

# Columns of `counts` and of `targets`: values of a node, and items or bytes of all of them.
_VALUES, _PARTS = 0, 1


@compiled
def count_rows(
    nodes: Any, first_topic: int, columns: Longs, rows: Longs, good: Flags, totals: Longs
) -> None:
    """Which of `rows` are `good`, and in `totals` the counts of those that are."""
    counts = np.empty_like(totals)
    budget, stack = np.empty(1, np.int64), np.empty(_STACK, np.int64)
    for index in range(len(rows)):
        row = rows[index]
        start, size = place_of(columns, BODY, row), size_of(columns, BODY, row)
        counts[:] = 0
        budget[0] = min(size * MAX_GROWTH, MAX_DECODED_BYTES)
        fits = _walk(nodes, start, start + size, counts, counts, budget, stack, False)
        for topic in range(first_topic, len(nodes)):
            node = nodes[topic]
            fits = fits and _is_clean(node, place_of(columns, node.source, row))
            counts[topic, _VALUES] = 1
        good[index] = fits
        if fits:
            totals += counts


@compiled
def copy_rows(
    nodes: Any, first_topic: int, columns: Longs, rows: Longs, counts: Longs, targets: Longs
) -> None:
    """Copy the values of `rows`, all of them good, to the addresses in `targets`.

    Of a node: where its words, or the 32-bit offsets of its values go, and where its bytes do.
    """
    budget, stack = np.empty(1, np.int64), np.empty(_STACK, np.int64)
    for row in rows:
        start, size = place_of(columns, BODY, row), size_of(columns, BODY, row)
        budget[0] = MAX_DECODED_BYTES
        _walk(nodes, start, start + size, counts, targets, budget, stack, True)
        for topic in range(first_topic, len(nodes)):
            _copy_word(topic, place_of(columns, nodes[topic].source, row), counts, targets)


@compiled
def _walk(
    nodes: Any,
    place: int,
    end: int,
    counts: Longs,
    targets: Longs,
    budget: Longs,
    stack: Longs,
    copying: bool,
) -> bool:
    """All arguments of a row, at addresses from `place` to `end`.

    A stack instead of recursion: numba crashes on a recursive function that it has cached.
    """
    depth = 0
    stack[0, _PLACE] = stack[0, _HEAD] = place
    stack[0, _CHILD] = 0
    stack[0, _STEP] = stack[0, _LEFT] = 1
    while depth >= 0:
        frame = stack[depth]
        if frame[_LEFT] == 0:
            depth -= 1
            continue
        child, head = frame[_CHILD], frame[_HEAD]
        node = nodes[child]
        # What is alike, words of an array, is done at once.
        done = frame[_LEFT] if node.kind == WORD and frame[_STEP] == 0 else 1
        frame[_LEFT] -= done
        frame[_HEAD] += done * node.head
        frame[_CHILD] += frame[_STEP]
        if node.kind == WORD:
            for place in range(head, head + done * node.head, node.head):
                if copying:
                    _copy_word(child, place, counts, targets)
                elif not _is_clean(node, place):
                    return False
            if not copying:
                counts[child, _VALUES] += done
            continue
        target = head
        if node.dynamic:
            pointer = _number(head)
            target = frame[_PLACE] + pointer
            if pointer < frame[_LOWEST] or target >= end:
                return False
        if node.kind == BLOB:
            if not _blob(nodes, child, target, end, counts, targets, budget, copying):
                return False
            continue
        depth += 1
        if not _enter(nodes, child, target, end, counts, targets, budget, stack[depth], copying):
            return False
    return True


@inlined
def _enter(
    nodes: Any,
    index: int,
    place: int,
    end: int,
    counts: Longs,
    targets: Longs,
    budget: Longs,
    frame: Longs,
    copying: bool,
) -> bool:
    """Begin the array or the tuple at `place`: set `frame` to its first child."""
    node = nodes[index]
    count, lowest, spent, step = node.stop - node.first, node.lowest, node.size, 1
    if node.kind == ARRAY:
        count, step = node.size, 0
        if count == ANY_SIZE:
            if place + 32 > end:
                return False
            count = _number(place)
            place += 32
        item = nodes[node.first]
        if node.dynamic and count > (end - place) // item.head:
            return False
        lowest, spent = 32 * count, item.head * count
        counts[index, _VALUES] += 1
        counts[index, _PARTS] += count
        if copying:
            value = targets[index, _VALUES] + 8 * counts[index, _VALUES]
            store(value, np.uint64(counts[index, _PARTS]))
    elif place + spent > end:
        return False
    if node.dynamic:
        budget[0] -= spent
        if budget[0] < 0:
            return False
    frame[_PLACE] = frame[_HEAD] = place
    frame[_LOWEST], frame[_CHILD], frame[_STEP], frame[_LEFT] = lowest, node.first, step, count
    return True


@compiled
def _blob(
    nodes: Any,
    index: int,
    place: int,
    end: int,
    counts: Longs,
    targets: Longs,
    budget: Longs,
    copying: bool,
) -> bool:
    if place + 32 > end:
        return False
    size = _number(place)
    place += 32
    padded = -(-size // 32) * 32
    if place + padded > end:
        return False
    counts[index, _VALUES] += 1
    if copying:
        copy_bytes(targets[index, _PARTS] + counts[index, _PARTS], place, size)
        counts[index, _PARTS] += size
        value = targets[index, _VALUES] + 4 * counts[index, _VALUES]
        store_half(value, np.uint64(counts[index, _PARTS]))
        return True
    counts[index, _PARTS] += size
    budget[0] -= padded
    if budget[0] < 0:
        return False
    dirty, position = _ZERO, size
    while position % 8 != 0:
        dirty |= load_byte(place + position)
        position += 1
    while position < padded:
        dirty |= load(place + position)
        position += 8
    if nodes[index].is_text:
        for position in range(0, padded, 8):
            dirty |= load(place + position) & _NOT_ASCII
    return bool(dirty == _ZERO)


@inlined
def _copy_word(index: int, place: int, counts: Longs, targets: Longs) -> None:
    copy_word(targets[index, _VALUES] + 32 * counts[index, _VALUES], place)
    counts[index, _VALUES] += 1


@inlined
def _number(place: int) -> int:
    if load(place) | load(place + 8) | load(place + 16) != _ZERO:
        return _BEYOND
    return int(min(load_number(place + 24), np.uint64(_BEYOND)))


@inlined
def _is_clean(node: Any, place: int) -> bool:
    """Whether the padding of a word is zero, or copies of the sign (see abi/word_rules.py)."""
    sign = _ZERO
    if node.sign != UNSIGNED:
        # The highest bit becomes all bits.
        sign = _ZERO - (load_byte(place + node.sign) >> np.uint64(7))
    dirty = (load(place) ^ sign) & node.padding0 | (load(place + 8) ^ sign) & node.padding1
    dirty |= (load(place + 16) ^ sign) & node.padding2 | (load(place + 24) ^ sign) & node.padding3
    return bool(dirty == _ZERO)
