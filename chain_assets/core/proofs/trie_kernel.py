"""The nodes of the tries of many blocks, a height at a time: the compiled loops.

    write_leaf_headers   what stands in front of an item makes it a leaf, where it lies
    write_nodes          extensions and branches, their children's references being known by then
    keep_references      how parents name them: themselves if short, else their digest

Nodes come out as addresses and lengths, ready to be hashed. Every loop takes the forest's shape
(trie_shape.py).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs
from chain_assets.core.proofs.rlp_kernel import (
    copy_bytes,
    prefix_length,
    string_length,
    write_prefix,
    write_string_prefix,
)
from chain_assets.core.proofs.trie_shape import (
    CHILD,
    DEPTH,
    PATH,
    START,
    TREE,
    Table,
    children_end,
    index_at,
    key_nibble,
)
from chain_assets.core.raw_memory import copy, prefetch, store_byte

LEAF_ROOM: Final = 32  # prefixes of a list and a string, and the path of a key: 9 + 9 + 11 at most
REFERENCE_WIDTH: Final = 34  # a length, and at most 33 bytes
NODE_WIDTH: Final = 544  # a branch: 16 references of 33 bytes, a value, a prefix of 3; rounded
_LIST_PREFIX: Final = 9
_AHEAD: Final = 16


@njit(nogil=True, cache=True, boundscheck=False)
def write_leaf_headers(
    leaves: Longs,
    nodes: Table,
    counts: Longs,
    tree_items: Longs,
    items: Longs,
    item_lengths: Longs,
    addresses: Longs,
    lengths: Longs,
) -> None:
    """Turn items into leaves: `addresses` and `lengths` become those of `leaves`.

    A leaf ends with its item, so only its beginning is written, into LEAF_ROOM free bytes in front
    of the item at `items[…]`: nothing large is copied. Tree t's items begin at `tree_items[t]`.
    """
    header = np.empty(LEAF_ROOM, np.uint8)
    start = header.ctypes.data
    for index in range(len(leaves)):
        node = leaves[index]
        tree = nodes[node, TREE]
        key = index_at(nodes[node, START], counts[tree])
        item = tree_items[tree] + key
        address, length = items[item], item_lengths[item]
        # Of a large batch the items have left the cache since they were written.
        prefetch(items[min(item + _AHEAD, len(items) - 1)] - 8)
        path = nodes[node, PATH] // 2 + 1
        payload = path + (path > 1) + string_length(address, length)
        place = write_prefix(start, payload, 0xC0)
        place = _write_path(place, nodes[node, PATH], nodes[node, DEPTH], key, 2)
        size = write_string_prefix(place, address, length) - start
        copy(address - size, start, size)
        addresses[index], lengths[index] = address - size, size + length


@njit(nogil=True, cache=True, boundscheck=False)
def write_nodes(
    level: Longs,
    nodes: Table,
    counts: Longs,
    references: Bytes,
    out: Bytes,
    addresses: Longs,
    lengths: Longs,
) -> None:
    """Write each extension and branch of `level` to its row of `out`, NODE_WIDTH bytes wide."""
    for index in range(len(level)):
        node, tree = level[index], nodes[level[index], TREE]
        payload = out.ctypes.data + index * NODE_WIDTH + _LIST_PREFIX
        # The payload is written first, and its prefix, whose size depends on it, in front.
        if nodes[node, PATH] > 0:
            key = index_at(nodes[node, START], counts[tree])
            end = _write_path(payload, nodes[node, PATH], nodes[node, DEPTH], key, 0)
            end = _write_reference(end, references, nodes[node, CHILD])
        else:
            end = _write_branch(payload, nodes, node, counts[tree], references)
        start = payload - prefix_length(end - payload)
        write_prefix(start, end - payload, 0xC0)
        addresses[index], lengths[index] = start, end - start


@njit(nogil=True, cache=True, boundscheck=False)
def _write_path(place: int, count: int, depth: int, key: int, flag: int) -> int:
    """Hex-prefix encoding (appendix C): `flag` 2 for a leaf, then `count` nibbles of the key."""
    size: int = count // 2 + 1
    if size > 1:
        place = write_prefix(place, size, 0x80)
    odd = count % 2
    store_byte(place, (flag + odd) * 16 + (key_nibble(key, depth) if odd else 0))
    for byte in range(1, size):
        nibble = depth + odd + 2 * (byte - 1)
        store_byte(place + byte, key_nibble(key, nibble) * 16 + key_nibble(key, nibble + 1))
    return place + size


@njit(nogil=True, cache=True, boundscheck=False)
def _write_branch(place: int, nodes: Table, node: int, count: int, references: Bytes) -> int:
    child, end = nodes[node, CHILD], children_end(nodes, node)
    for nibble in range(16):
        if child < end:
            key = index_at(nodes[child, START], count)
            if key_nibble(key, nodes[node, DEPTH]) == nibble:
                place = _write_reference(place, references, child)
                child += 1
                continue
        store_byte(place, 0x80)
        place += 1
    # The branch's own value is always empty: no rlp(index) is the beginning of another.
    store_byte(place, 0x80)
    return place + 1


@njit(nogil=True, cache=True, boundscheck=False)
def _write_reference(place: int, references: Bytes, child: int) -> int:
    reference = references.ctypes.data + child * REFERENCE_WIDTH
    return copy_bytes(place, reference + 1, references[child, 0])


@njit(nogil=True, cache=True, boundscheck=False)
def keep_references(
    level: Longs, addresses: Longs, lengths: Longs, digests: Bytes, references: Bytes
) -> None:
    """How parents name the nodes of `level`: length and bytes of a reference, a row a node."""
    for index in range(len(level)):
        reference = references.ctypes.data + level[index] * REFERENCE_WIDTH
        if lengths[index] < 32:
            store_byte(reference, lengths[index])
            copy(reference + 1, addresses[index], lengths[index])
        else:
            store_byte(reference, 33)
            store_byte(reference + 1, 0xA0)
            copy(reference + 2, digests.ctypes.data + 32 * index, 32)
