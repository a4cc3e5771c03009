"""One block: its content drawn, its roots and hash computed.

Header fields are those of Prague (EIP-7685 and before). Where a rule of consensus needs the state
or the parent's content (state root, base fee, excess blob gas), the field is drawn instead, so
that a block's content does not hang on all blocks before it; its roots, blooms, gas sums and
hash, and with them all that a reader can check from the block itself, hold.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate
from typing import NamedTuple

from chain_assets.core.keccak import keccak256
from chain_assets.core.rlp import RlpItem, encode, encode_items, wrap_payload
from chain_assets.core.trie import ordered_trie_root
from chain_assets.sources.devnet.cast import Cast, cast
from chain_assets.sources.devnet.draws import Draws
from chain_assets.sources.devnet.receipts import (
    BLOOM_BYTES,
    Receipt,
    bloom_of,
    draw_logs,
    receipt_envelope,
)
from chain_assets.sources.devnet.spec import DevnetSpec, Fork
from chain_assets.sources.devnet.transactions import Sent, TransactionDrawer

GAS_PER_BLOB = 2**17
"""EIP-4844."""

_EMPTY_LIST_HASH = keccak256(encode(()))
_NO_REQUESTS_HASH = hashlib.sha256().digest()  # EIP-7685, of a block without requests
_USUAL_GAS_LIMIT = 45_000_000
_LARGEST_EXCESS = 400  # in blobs; the blob base fee stays below a thousandth of a gwei
_EMPTY_BLOCK_RATE = 0.005


class Withdrawal(NamedTuple):
    """A validator's withdrawal (EIP-4895); `amount` is gwei."""

    withdrawal_index: int
    validator_index: int
    address: bytes
    amount: int


class BlockHeader(NamedTuple):
    """All header fields in the order in which they are hashed."""

    parent_hash: bytes
    uncles_hash: bytes
    miner: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee_per_gas: int
    withdrawals_root: bytes
    blob_gas_used: int
    excess_blob_gas: int
    parent_beacon_block_root: bytes
    requests_hash: bytes


class BuiltBlock(NamedTuple):
    """A whole block. `size` is the length of its RLP in bytes."""

    header: BlockHeader
    hash: bytes
    size: int
    transactions: tuple[Sent, ...]
    receipts: tuple[Receipt, ...]
    withdrawals: tuple[Withdrawal, ...]


def build_block(spec: DevnetSpec, number: int, fork: Fork, *, parent_hash: bytes) -> BuiltBlock:
    """Block `number` of `fork` on the parent with the hash `parent_hash`."""
    draws = Draws(spec.seed, spec.chain_id, number, fork.name)
    everyone = cast()
    base_fee = 200_000_000 + draws.below(4_800_000_000)
    drawer = TransactionDrawer(
        draws, everyone, chain_id=spec.chain_id, number=number, base_fee=base_fee
    )
    transactions = tuple([drawer.next() for _ in range(_transaction_count(draws, spec, number))])
    receipts = _receipts(draws, everyone, transactions)
    withdrawals = _withdrawals(draws, everyone, spec, number)
    bloom = 0
    for receipt in receipts:
        bloom |= receipt.bloom
    gas_used = receipts[-1].cumulative_gas_used if receipts else 0
    builder = draws.favourite(everyone.builders)
    header = BlockHeader(
        parent_hash=parent_hash,
        uncles_hash=_EMPTY_LIST_HASH,
        miner=builder.address,
        state_root=draws.bytes(32),
        transactions_root=ordered_trie_root([sent.signed.envelope for sent in transactions]),
        receipts_root=_receipts_root(transactions, receipts),
        logs_bloom=bloom.to_bytes(BLOOM_BYTES, "big"),
        difficulty=0,
        number=number,
        gas_limit=max(_USUAL_GAS_LIMIT, gas_used),
        gas_used=gas_used,
        timestamp=spec.timestamp(number),
        extra_data=builder.label.encode(),
        mix_hash=draws.bytes(32),
        nonce=bytes(8),
        base_fee_per_gas=base_fee,
        withdrawals_root=ordered_trie_root([encode(each) for each in withdrawals]),
        blob_gas_used=GAS_PER_BLOB
        * sum(len(sent.signed.fields.blob_hashes) for sent in transactions),
        excess_blob_gas=GAS_PER_BLOB * draws.below(_LARGEST_EXCESS),
        parent_beacon_block_root=draws.bytes(32),
        requests_hash=_NO_REQUESTS_HASH,
    )
    return _seal(header, transactions, receipts, withdrawals)


def _transaction_count(draws: Draws, spec: DevnetSpec, number: int) -> int:
    if number == 0 or draws.chance(_EMPTY_BLOCK_RATE):
        return 0
    return draws.around(spec.transactions_per_block)


def _receipts(draws: Draws, everyone: Cast, transactions: tuple[Sent, ...]) -> tuple[Receipt, ...]:
    totals = accumulate(sent.gas_used for sent in transactions)
    receipts = []
    for sent, total in zip(transactions, totals, strict=True):
        status, logs = draw_logs(draws, everyone, sent)
        receipts.append(Receipt(status, sent.gas_used, total, logs, bloom_of(logs)))
    return tuple(receipts)


def _receipts_root(transactions: tuple[Sent, ...], receipts: tuple[Receipt, ...]) -> bytes:
    return ordered_trie_root(
        [
            receipt_envelope(receipt, transaction_type=sent.signed.fields.type)
            for sent, receipt in zip(transactions, receipts, strict=True)
        ]
    )


def _withdrawals(
    draws: Draws, everyone: Cast, spec: DevnetSpec, number: int
) -> tuple[Withdrawal, ...]:
    if number == 0:
        return ()
    count = spec.withdrawals_per_block
    first = number * count
    return tuple(
        Withdrawal(
            withdrawal_index=first + place,
            validator_index=(first + place) % 1_000_000,
            address=draws.pick(everyone.holders),
            amount=10_000_000 + draws.below(10_000_000),
        )
        for place in range(count)
    )


def _seal(
    header: BlockHeader,
    transactions: tuple[Sent, ...],
    receipts: tuple[Receipt, ...],
    withdrawals: tuple[Withdrawal, ...],
) -> BuiltBlock:
    encoded_header = encode(header)
    # EIP-2718: inside a block's list a typed transaction is a string that holds its envelope.
    body: list[bytes] = [
        sent.signed.envelope if sent.signed.fields.type == 0 else encode(sent.signed.envelope)
        for sent in transactions
    ]
    uncles: RlpItem = ()
    parts = (encoded_header, wrap_payload(b"".join(body)), encode_items((uncles, withdrawals)))
    size = len(wrap_payload(b"".join(parts)))
    return BuiltBlock(header, keccak256(encoded_header), size, transactions, receipts, withdrawals)
