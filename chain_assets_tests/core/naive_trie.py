"""A Merkle-Patricia trie by the letter of the yellow paper, with the `rlp` library; slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

_Path = tuple[int, ...]


def naive_trie_root(values: Sequence[bytes]) -> bytes:
    """The root of the trie that maps rlp(index) to `values[index]`."""
    items = {_nibbles(rlp.encode(index)): value for index, value in enumerate(values)}
    return bytes(keccak(rlp.encode(_node(items))))


def _nibbles(data: bytes) -> _Path:
    return tuple(int(digit, 16) for digit in data.hex())


def _node(items: dict[_Path, bytes]) -> Any:
    if not items:
        return b""
    if len(items) == 1:
        ((path, value),) = items.items()
        return [_hex_prefix(path, 2), value]
    prefix = _shared(list(items))
    if prefix:
        return [_hex_prefix(prefix, 0), _child({k[len(prefix) :]: v for k, v in items.items()})]
    children = [_child({k[1:]: v for k, v in items.items() if k[:1] == (n,)}) for n in range(16)]
    return [*children, items.get((), b"")]


def _shared(paths: list[_Path]) -> _Path:
    length = 0
    while len({path[: length + 1] for path in paths}) == 1 and length < len(paths[0]):
        length += 1
    return paths[0][:length]


def _child(items: dict[_Path, bytes]) -> Any:
    node = _node(items)
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak(encoded)


def _hex_prefix(path: _Path, flag: int) -> bytes:
    digits = (flag + 1, *path) if len(path) % 2 else (flag, 0, *path)
    return bytes.fromhex("".join(f"{digit:x}" for digit in digits))
