"""Recursive Length Prefix encoding (yellow paper, appendix B). Encoding only.

Everything that Ethereum hashes is RLP: transactions, receipts, withdrawals, headers and the nodes
of their tries. The blocks themselves arrive as JSON, so nothing here ever has to be decoded.

    encode(item)             one item: bytes, an integer, or a list of items, to any depth
    encode_items(items)      the items' encodings one after the other: the payload of a list
    wrap_payload(payload)    the list whose payload this is

A caller that needs the same payload twice (a transaction is hashed without its signature to sign
it, and with its signature to name it) encodes it once and wraps it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

RlpItem: TypeAlias = "bytes | int | Sequence[RlpItem]"

_STRING, _LIST = 0x80, 0xC0
_LONG = 56  # from this length on, the length itself takes bytes of its own
_BYTES = [bytes((value,)) for value in range(256)]


def encode(item: RlpItem) -> bytes:
    """The RLP of `item`. An integer is its shortest big-endian bytes, and 0 is the empty string.

    Raises ValueError for a negative integer and TypeError for what RLP has no form for.
    """
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _prefix(len(item), _STRING) + item
    if isinstance(item, int):
        return encode(int_to_bytes(item))
    if isinstance(item, list | tuple):
        return wrap_payload(encode_items(item))
    raise TypeError(f"RLP knows bytes, integers and lists, not {type(item).__name__}")


def encode_items(items: Iterable[RlpItem]) -> bytes:
    """The encodings of `items`, joined: a list's payload without the list's own prefix."""
    return b"".join([encode(item) for item in items])


def wrap_payload(payload: bytes) -> bytes:
    """The list whose already encoded items are `payload`."""
    return _prefix(len(payload), _LIST) + payload


def int_to_bytes(value: int) -> bytes:
    """The shortest big-endian bytes of `value`; none for 0. Raises ValueError below 0."""
    if value < 0:
        raise ValueError(f"RLP has no negative integers: {value}")
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prefix(length: int, kind: int) -> bytes:
    if length < _LONG:
        return _BYTES[kind + length]
    size = int_to_bytes(length)
    return bytes((kind + _LONG - 1 + len(size),)) + size
