"""The roots of many ordered tries at once, level by level over all of them.

core/trie.py gives the root of one; here the nodes of one height, of all tries, are written side by
side and hashed in one batch, leaves first.
"""

from __future__ import annotations

import numpy as np

from chain_assets.core.keccak_batch import Bytes, Longs, keccak256_slices
from chain_assets.core.proofs.rlp_batch import starts_of
from chain_assets.core.proofs.rlp_kernel import list_lengths
from chain_assets.core.proofs.slices import Slices
from chain_assets.core.proofs.trie_kernel import keep_references, node_payloads, write_nodes
from chain_assets.core.proofs.trie_shape import HEIGHT, Table, plan_forest
from chain_assets.core.trie import EMPTY_TRIE_ROOT

_REFERENCE = 34  # a length, and at most 33 bytes


def ordered_trie_roots(items: Slices, *, starts: Longs, counts: Longs) -> Bytes:
    """For each i the root of the trie of `items` from `starts[i]` on, `counts[i]` of them: (n, 32).

    A trie that holds an empty item has a root that means nothing.
    """
    roots = np.empty((len(counts), 32), np.uint8)
    roots[:] = np.frombuffer(EMPTY_TRIE_ROOT, np.uint8)
    filled = np.flatnonzero(counts)
    if len(filled):
        counts, tree_items = counts[filled], starts[filled]
        roots[filled] = _hash_forest(plan_forest(counts), items, counts, tree_items)
    return roots


def _hash_forest(nodes: Table, items: Slices, counts: Longs, tree_items: Longs) -> Bytes:
    heights = nodes[:, HEIGHT]
    levels = np.split(np.argsort(heights, kind="stable"), np.cumsum(np.bincount(heights))[:-1])
    references = np.zeros((len(nodes), _REFERENCE), np.uint8)
    roots = np.empty((len(counts), 32), np.uint8)
    shape = (nodes, counts, tree_items, items.data, items.starts, items.lengths, references)
    for level in levels:
        payloads = node_payloads(level, *shape)
        lengths = list_lengths(payloads, np.zeros(len(level), np.uint8))
        places = starts_of(lengths)
        out = np.empty(int(lengths.sum()), np.uint8)
        write_nodes(level, *shape, payloads, out, places)
        digests = keccak256_slices(out, places, lengths)
        keep_references(level, out, places, lengths, digests, references)
        are_roots = level < len(counts)
        roots[level[are_roots]] = digests[are_roots]
    return roots
