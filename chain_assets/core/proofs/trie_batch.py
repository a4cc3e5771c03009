"""The roots of many ordered tries at once, level by level over all of them.

core/trie.py gives the root of one; here the nodes of one height, of all tries, are written and
hashed in one batch, leaves first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chain_assets.core.keccak_batch import Bytes, Longs, keccak256_at
from chain_assets.core.proofs.slices import Slices
from chain_assets.core.proofs.trie_kernel import (
    LEAF_ROOM,
    NODE_WIDTH,
    REFERENCE_WIDTH,
    keep_references,
    write_leaf_headers,
    write_nodes,
)
from chain_assets.core.proofs.trie_shape import HEIGHT, Table, plan_forest
from chain_assets.core.trie import EMPTY_TRIE_ROOT


@dataclass(frozen=True)
class Forest:
    """The shape of the tries of `counts` items each: it serves all items that are so many.

    `filled` are the tries that have a node at all, and `levels` their nodes by height.
    """

    counts: Longs
    filled: Longs
    nodes: Table
    levels: Sequence[Longs]


def plan(counts: Longs) -> Forest:
    """The forest of tries of `counts` items each."""
    filled = np.flatnonzero(counts)
    if not len(filled):
        return Forest(counts, filled, np.zeros((0, 0), np.int64), [])
    nodes = plan_forest(counts[filled])
    heights = nodes[:, HEIGHT]
    levels = [np.flatnonzero(heights == height) for height in range(heights.max() + 1)]
    return Forest(counts, filled, nodes, levels)


def ordered_trie_roots(items: Slices, *, starts: Longs, forest: Forest) -> Bytes:
    """For each trie of the forest the root over `items` from `starts[i]` on: (n, 32).

    The room in front of each item, LEAF_ROOM bytes, is written to. A trie that holds an empty item
    has a root that means nothing.
    """
    if items.room < LEAF_ROOM:
        raise ValueError(f"items have {items.room} bytes of room, and leaves take {LEAF_ROOM}")
    roots = np.empty((len(forest.counts), 32), np.uint8)
    roots[:] = np.frombuffer(EMPTY_TRIE_ROOT, np.uint8)
    if len(forest.filled):
        roots[forest.filled] = _hash_forest(forest, items, starts[forest.filled])
    return roots


def _hash_forest(forest: Forest, items: Slices, tree_items: Longs) -> Bytes:
    nodes, counts = forest.nodes, forest.counts[forest.filled]
    references = np.empty((len(nodes), REFERENCE_WIDTH), np.uint8)
    roots = np.empty((len(counts), 32), np.uint8)
    for height, level in enumerate(forest.levels):
        addresses, lengths = np.empty((2, len(level)), np.int64)
        out = np.empty((len(level) if height else 0, NODE_WIDTH), np.uint8)
        if height == 0:
            at = items.addresses, items.lengths
            write_leaf_headers(level, nodes, counts, tree_items, *at, addresses, lengths)
        else:
            write_nodes(level, nodes, counts, references, out, addresses, lengths)
        digests = keccak256_at(addresses, lengths)
        keep_references(level, addresses, lengths, digests, references)
        are_roots = level < len(counts)
        roots[level[are_roots]] = digests[are_roots]
    return roots
