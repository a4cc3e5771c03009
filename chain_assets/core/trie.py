"""The root of an ordered Merkle-Patricia trie (yellow paper, appendix D), in one shot.

A header commits to its transactions, receipts and withdrawals by the root of a trie whose keys
are rlp(0), rlp(1), … and whose values are the encoded items. All values are known at once, so no
trie is kept: the keys are sorted, and each node is made from the slice of keys below it.

    one key          leaf       [path, value]
    a shared prefix  extension  [prefix, child]
    otherwise        branch     [16 children by nibble, value]

A child shorter than 32 bytes stands in its parent as it is; a longer one by its Keccak-256.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from chain_assets.core.keccak import keccak256
from chain_assets.core.rlp import encode, wrap_payload

_EMPTY = encode(b"")
EMPTY_TRIE_ROOT = keccak256(_EMPTY)
"""The root of a trie without values."""


def ordered_trie_root(values: Sequence[bytes]) -> bytes:
    """The 32-byte root of the trie that maps rlp(index) to `values[index]`.

    Values are what the header's rule says: a transaction or a receipt in its EIP-2718 envelope,
    a withdrawal as the RLP of its four fields (EIP-4895). No value may be empty, for an empty
    value means "no such key" in a trie: ValueError.
    """
    if not values:
        return EMPTY_TRIE_ROOT
    if not all(values):
        raise ValueError("a trie cannot hold an empty value")
    keys = _sorted_keys(len(values))
    return keccak256(_node(keys, values, 0, len(keys), 0))


_Key = tuple[bytes, int]  # the nibbles of rlp(index), and the index


@lru_cache(maxsize=128)
def _sorted_keys(count: int) -> list[_Key]:
    return sorted((_nibbles(encode(index)), index) for index in range(count))


def _nibbles(data: bytes) -> bytes:
    return bytes(nibble for byte in data for nibble in (byte >> 4, byte & 15))


def _node(keys: list[_Key], values: Sequence[bytes], start: int, stop: int, depth: int) -> bytes:
    """The encoded node of `keys[start:stop]`, which all share their first `depth` nibbles."""
    first, index = keys[start]
    if stop - start == 1:
        return wrap_payload(_path(first[depth:], True) + encode(values[index]))
    # Keys are sorted, so what the first and the last share is shared by all between them.
    shared = _shared_length(first, keys[stop - 1][0], depth)
    if shared > depth:
        child = _reference(_node(keys, values, start, stop, shared))
        return wrap_payload(_path(first[depth:shared], False) + child)
    return _branch(keys, values, start, stop, depth)


def _branch(keys: list[_Key], values: Sequence[bytes], start: int, stop: int, depth: int) -> bytes:
    children = [_EMPTY] * 16
    while start < stop:
        nibble = keys[start][0][depth]
        end = start + 1
        while end < stop and keys[end][0][depth] == nibble:
            end += 1
        children[nibble] = _reference(_node(keys, values, start, end, depth + 1))
        start = end
    # The branch's own value is always empty: no rlp(index) is the beginning of another.
    return wrap_payload(b"".join(children) + _EMPTY)


def _reference(node: bytes) -> bytes:
    return node if len(node) < 32 else encode(keccak256(node))


def _shared_length(left: bytes, right: bytes, start: int) -> int:
    limit = min(len(left), len(right))
    length = start
    while length < limit and left[length] == right[length]:
        length += 1
    return length


@lru_cache(maxsize=4096)
def _path(nibbles: bytes, leaf: bool) -> bytes:
    """Hex-prefix encoding (appendix C): a flag nibble for leaf and odd length, then the path."""
    flag = (2 if leaf else 0) + len(nibbles) % 2
    padded = bytes((flag,)) + nibbles if len(nibbles) % 2 else bytes((flag, 0)) + nibbles
    return encode(
        bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))
    )
