"""Receipts and blooms (yellow paper, section 4.4.1 and 4.4.3; EIP-658, EIP-2718)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from chain_assets.core.keccak import keccak256
from chain_assets.core.rlp import encode
from chain_assets.sources.devnet.cast import Cast
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.logs import draw_log
from chain_assets.sources.devnet.transactions import Sent
from chain_assets.sources.devnet.words import Log

BLOOM_BYTES = 256
_BLOOM_BITS = 8 * BLOOM_BYTES

_SUCCESS_RATE = 0.985
_SILENT_RATE = 0.12  # calls that succeed and log nothing
_ANOTHER_LOG = 0.72


class Receipt(NamedTuple):
    """What came of a transaction. `bloom` is the 2048-bit filter as an integer."""

    status: int
    gas_used: int
    cumulative_gas_used: int
    logs: tuple[Log, ...]
    bloom: int


def draw_logs(draws: Draws, cast: Cast, sent: Sent) -> tuple[int, tuple[Log, ...]]:
    """The status and the logs of a transaction. Payments, creations and failures log nothing."""
    fields = sent.signed.fields
    if not fields.data:
        return 1, ()
    if not draws.chance(_SUCCESS_RATE):
        return 0, ()
    if not fields.to:
        return 1, ()
    if not sent.logs and draws.chance(_SILENT_RATE):
        return 1, ()
    count = draws.geometric(_ANOTHER_LOG) + (0 if sent.logs else 1)
    return 1, sent.logs + tuple([draw_log(draws, cast) for _ in range(count)])


def bloom_of(logs: Sequence[Log]) -> int:
    """The bloom filter of `logs`: three bits for each address and each topic."""
    bloom = 0
    for log in logs:
        bloom |= _bloom_bits(log.address)
        for topic in log.topics:
            bloom |= _bloom_bits(topic)
    return bloom


@lru_cache(maxsize=2**16)
def _bloom_bits(item: bytes) -> int:
    digest = keccak256(item)
    bits = 0
    for place in (0, 2, 4):
        bits |= 1 << int.from_bytes(digest[place : place + 2], "big") % _BLOOM_BITS
    return bits


def receipt_envelope(receipt: Receipt, *, transaction_type: int) -> bytes:
    """The bytes that the receipts trie holds."""
    bloom = receipt.bloom.to_bytes(BLOOM_BYTES, "big")
    body = encode((receipt.status, receipt.cumulative_gas_used, bloom, receipt.logs))
    return body if transaction_type == 0 else bytes((transaction_type,)) + body
