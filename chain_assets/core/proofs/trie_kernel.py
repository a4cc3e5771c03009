"""The nodes of the tries of many blocks, a height at a time: the compiled loops.

    node_payloads    how long the nodes of a level are, and
    write_nodes      their RLP, their children's references being known by then
    keep_references  how parents name them: themselves if short, else their digest

Every loop takes the forest's shape (trie_shape.py) and the items as slices.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Bytes, Longs
from chain_assets.core.proofs.memory import copy_bytes
from chain_assets.core.proofs.rlp_kernel import string_length, write_prefix, write_string
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


@njit(nogil=True, cache=True, boundscheck=False)
def node_payloads(
    level: Longs,
    nodes: Table,
    counts: Longs,
    tree_items: Longs,
    data: Bytes,
    starts: Longs,
    lengths: Longs,
    references: Bytes,
) -> Longs:
    """How many bytes the payload of each node of `level` takes; tree t's items begin at
    `tree_items[t]` among the slices."""
    out = np.zeros(len(level), np.int64)
    for place in range(len(level)):
        node = level[place]
        path = nodes[node, PATH] // 2 + 1
        child, end = nodes[node, CHILD], children_end(nodes, node)
        if child == 0:
            tree = nodes[node, TREE]
            item = tree_items[tree] + index_at(nodes[node, START], counts[tree])
            value = string_length(data, starts[item], lengths[item])
            out[place] = path + (path > 1) + value
            continue
        # A branch has 16 children and a value, each at least the empty string.
        out[place] = path + (path > 1) if nodes[node, PATH] > 0 else 17 - (end - child)
        while child < end:
            out[place] += references[child, 0]
            child += 1
    return out


@njit(nogil=True, cache=True, boundscheck=False)
def write_nodes(
    level: Longs,
    nodes: Table,
    counts: Longs,
    tree_items: Longs,
    data: Bytes,
    starts: Longs,
    lengths: Longs,
    references: Bytes,
    payloads: Longs,
    out: Bytes,
    places: Longs,
) -> None:
    """Write the RLP of each node of `level` to its place in `out`."""
    for index in range(len(level)):
        node = level[index]
        tree = nodes[node, TREE]
        place = write_prefix(out, places[index], payloads[index], 0xC0)
        if nodes[node, CHILD] == 0:
            key = index_at(nodes[node, START], counts[tree])
            item = tree_items[tree] + key
            place = _write_path(out, place, nodes, node, key, 2)
            write_string(out, place, data, starts[item], lengths[item])
        elif nodes[node, PATH] > 0:
            key = index_at(nodes[node, START], counts[tree])
            place = _write_path(out, place, nodes, node, key, 0)
            _write_reference(out, place, references, nodes[node, CHILD])
        else:
            _write_branch(out, place, nodes, node, counts[tree], references)


@njit(nogil=True, cache=True, boundscheck=False)
def _write_path(out: Bytes, place: int, nodes: Table, node: int, key: int, flag: int) -> int:
    """Hex-prefix encoding (appendix C): `flag` 2 for a leaf, then the node's nibbles of the key."""
    count, depth = nodes[node, PATH], nodes[node, DEPTH]
    size: int = count // 2 + 1
    if size > 1:
        place = write_prefix(out, place, size, 0x80)
    odd = count % 2
    out[place] = (flag + odd) * 16 + (key_nibble(key, depth) if odd else 0)
    for byte in range(1, size):
        nibble = depth + odd + 2 * (byte - 1)
        out[place + byte] = key_nibble(key, nibble) * 16 + key_nibble(key, nibble + 1)
    return place + size


@njit(nogil=True, cache=True, boundscheck=False)
def _write_branch(
    out: Bytes, place: int, nodes: Table, node: int, count: int, references: Bytes
) -> None:
    child, end = nodes[node, CHILD], children_end(nodes, node)
    for nibble in range(16):
        if child < end:
            key = index_at(nodes[child, START], count)
            if key_nibble(key, nodes[node, DEPTH]) == nibble:
                place = _write_reference(out, place, references, child)
                child += 1
                continue
        out[place] = 0x80
        place += 1
    # The branch's own value is always empty: no rlp(index) is the beginning of another.
    out[place] = 0x80


@njit(nogil=True, cache=True, boundscheck=False)
def _write_reference(out: Bytes, place: int, references: Bytes, child: int) -> int:
    return copy_bytes(out, place, references[child, 1:], 0, references[child, 0])


@njit(nogil=True, cache=True, boundscheck=False)
def keep_references(
    level: Longs, data: Bytes, places: Longs, lengths: Longs, digests: Bytes, references: Bytes
) -> None:
    """How parents name the nodes of `level`: length and bytes of a reference, a row a node."""
    for index in range(len(level)):
        reference = references[level[index]]
        if lengths[index] < 32:
            reference[0] = lengths[index]
            copy_bytes(reference, 1, data, places[index], lengths[index])
        else:
            reference[0] = 33
            reference[1] = 0xA0
            copy_bytes(reference, 2, digests[index], 0, 32)
