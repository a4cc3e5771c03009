"""ABI encoding by hand: what a log's data and a call's input are made of.

Contract ABI specification, "Formal specification of the encoding": a head of 32-byte words, where
each dynamic argument leaves the offset of its place in the tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chain_assets.core.keccak import keccak256

UINT256_MAX = 2**256 - 1


class Tail(NamedTuple):
    """A dynamic argument: `data` goes behind the head and its offset into the head."""

    data: bytes


class Log(NamedTuple):
    """What a contract emits: its address, up to four topics of 32 bytes, and any data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def word(value: int) -> bytes:
    """`value` as 32 bytes; a negative one in two's complement."""
    return (value & UINT256_MAX).to_bytes(32, "big")


def padded(address: bytes) -> bytes:
    """An address as a word: 12 zero bytes before it."""
    return bytes(12) + address


def arguments(*parts: bytes | Tail) -> bytes:
    """The encoding of an argument list: bytes are static words as they are."""
    head_size = sum(32 if isinstance(part, Tail) else len(part) for part in parts)
    head, tail = b"", b""
    for part in parts:
        if isinstance(part, Tail):
            head += word(head_size + len(tail))
            tail += part.data
        else:
            head += part
    return head + tail


def blob(data: bytes) -> Tail:
    """`bytes` or `string`: the length, then the data up to a whole word."""
    return Tail(word(len(data)) + data + bytes(-len(data) % 32))


def array(items: Sequence[bytes]) -> Tail:
    """A dynamic array of static items: the length, then the items."""
    return Tail(word(len(items)) + b"".join(items))


def array_of_tails(items: Sequence[Tail]) -> Tail:
    """A dynamic array of dynamic items, as `bytes[]`: offsets count from behind the length."""
    return Tail(word(len(items)) + arguments(*items))


def topic_of(signature: str) -> bytes:
    """topic0 of an event: the hash of its signature."""
    return keccak256(signature.encode())


def selector_of(signature: str) -> bytes:
    """The first four bytes of a call's input."""
    return keccak256(signature.encode())[:4]
