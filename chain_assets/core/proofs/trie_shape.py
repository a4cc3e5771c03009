"""The shape of the tries of many blocks, as one forest: the compiled loops.

A trie's keys are rlp(0), rlp(1), …, so its shape follows from how many items there are. Sorted as
strings of nibbles they are 1 to 127, then 0 (0x80), then 128 and on, each at its place.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from chain_assets.core.keccak_batch import Longs

Table = npt.NDArray[np.int64]

# The columns of a node table.
START: Final = 0  # first and last position (sorted) of the keys below the node
STOP: Final = 1
DEPTH: Final = 2  # nibbles of the key that stand above the node
PATH: Final = 3  # nibbles of the key that the node itself holds; a branch holds none
CHILD: Final = 4  # first child: its siblings follow it in the table; 0 for a leaf
TREE: Final = 5
HEIGHT: Final = 6
COLUMNS: Final = 7


@njit(nogil=True, cache=True, boundscheck=False)
def index_at(position: int, count: int) -> int:
    """The index whose key is at `position` among the sorted keys of `count` items."""
    small = min(count - 1, 127)
    if position < small:
        return position + 1
    return 0 if position == small else position


@njit(nogil=True, cache=True, boundscheck=False)
def key_nibbles(index: int) -> int:
    """How many nibbles rlp(index) has."""
    return 2 if index < 128 else 2 * _key_bytes(index)


@njit(nogil=True, cache=True, boundscheck=False)
def _key_bytes(index: int) -> int:
    size = 1
    while index > 0:
        index >>= 8
        size += 1
    return size


@njit(nogil=True, cache=True, boundscheck=False)
def key_nibble(index: int, place: int) -> int:
    """Nibble `place` of rlp(index)."""
    byte, size = place // 2, 1
    if index == 0:
        value = 0x80
    elif index < 128:
        value = index
    else:
        size = _key_bytes(index)
        value = 0x7F + size if byte == 0 else (index >> (8 * (size - 1 - byte))) & 0xFF
    nibble: int = value & 15 if place % 2 else value >> 4
    return nibble


@njit(nogil=True, cache=True, boundscheck=False)
def plan_forest(counts: Longs) -> Table:
    """The nodes of the tries of `counts` items each; the first len(counts) nodes are the roots.

    No count may be 0: an empty trie has no node.
    """
    # A branch has two children or more, so there are fewer branches than leaves, and each may
    # have an extension above it.
    nodes = np.zeros((3 * counts.sum(), COLUMNS), np.int64)
    used = len(counts)
    for tree in range(used):
        nodes[tree, STOP] = counts[tree]
        nodes[tree, TREE] = tree
    node = 0
    while node < used:
        used = _plan_node(nodes, node, used, counts[nodes[node, TREE]])
        node += 1
    for node in range(used - 1, -1, -1):
        child, end = nodes[node, CHILD], children_end(nodes, node)
        while child < end:
            nodes[node, HEIGHT] = max(nodes[node, HEIGHT], nodes[child, HEIGHT] + 1)
            child += 1
    return nodes[:used].copy()


@njit(nogil=True, cache=True, boundscheck=False)
def children_end(nodes: Table, node: int) -> int:
    """One past the last child of a node: the one below which its last key is."""
    child: int = nodes[node, CHILD]
    if child == 0:
        return 0
    while nodes[child, STOP] != nodes[node, STOP]:
        child += 1
    return child + 1


@njit(nogil=True, cache=True, boundscheck=False)
def _plan_node(nodes: Table, node: int, used: int, count: int) -> int:
    """Set the path of a node and append its children; returns how many nodes there are then."""
    start, stop, depth = nodes[node, START], nodes[node, STOP], nodes[node, DEPTH]
    first, last = index_at(start, count), index_at(stop - 1, count)
    if stop - start == 1:
        nodes[node, PATH] = key_nibbles(first) - depth
        return used
    nodes[node, CHILD] = used
    shared = depth
    while key_nibble(first, shared) == key_nibble(last, shared):
        shared += 1
    if shared > depth:
        nodes[node, PATH] = shared - depth
        return _append(nodes, node, used, start, stop, shared)
    while start < stop:
        nibble = key_nibble(index_at(start, count), depth)
        end = start + 1
        while end < stop and key_nibble(index_at(end, count), depth) == nibble:
            end += 1
        used = _append(nodes, node, used, start, end, depth + 1)
        start = end
    return used


@njit(nogil=True, cache=True, boundscheck=False)
def _append(nodes: Table, parent: int, used: int, start: int, stop: int, depth: int) -> int:
    nodes[used, START], nodes[used, STOP], nodes[used, DEPTH] = start, stop, depth
    nodes[used, TREE] = nodes[parent, TREE]
    return used + 1
