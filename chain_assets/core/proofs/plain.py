"""The slow route: rows as Python objects through core/rlp.py, core/trie.py and core/keccak.py.

What runs where numba is missing, and what the compiled route is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.keccak import keccak256, keccak256_many
from chain_assets.core.proofs.batch import Bytes, Longs, ProofBatch, Recomputed
from chain_assets.core.proofs.encodings import (
    AURA_SEAL,
    HEADER_FORKS,
    HEADER_START,
    SEAL,
    WITHDRAWAL,
)
from chain_assets.core.proofs.fields import LISTS, WORDS, fork_fields, sealed_by_aura
from chain_assets.core.rlp import RlpItem, encode
from chain_assets.core.trie import EMPTY_TRIE_ROOT, ordered_trie_root

Row = dict[str, Any]


def recompute(batch: ProofBatch) -> Recomputed:
    """Everything that the rows of `batch` hash to."""
    transactions = batch.transactions.to_pylist()
    envelopes = [_envelope(batch, row) for row in transactions]
    logs = batch.logs.to_pylist()
    by_transaction = [logs[a:b] for a, b in _pairs(batch.log_starts)]
    blooms = [_bloom(own) for own in by_transaction]
    receipts = [
        _receipt(batch, *each) for each in zip(transactions, by_transaction, blooms, strict=True)
    ]
    withdrawals = [encode(row_items(row, WITHDRAWAL)) for row in batch.withdrawals.to_pylist()]
    return Recomputed(
        block_hashes=_matrix(keccak256_many(_headers(batch.blocks)), 32),
        transaction_hashes=_matrix(keccak256_many(envelopes), 32),
        transactions_roots=_roots(envelopes, batch.transaction_starts, batch.item_counts),
        receipts_roots=_roots(receipts, batch.transaction_starts, batch.item_counts),
        withdrawals_roots=_roots(
            withdrawals, batch.withdrawal_starts, np.diff(batch.withdrawal_starts)
        ),
        receipt_blooms=_matrix(blooms, 256),
    )


def _headers(blocks: pa.Table) -> list[bytes]:
    reached = {name: flags.to_pylist() for name, flags in fork_fields(blocks).items()}
    aura = sealed_by_aura(blocks).tolist()
    starts = [(*HEADER_START, *(AURA_SEAL if own else SEAL)) for own in aura]
    return [
        encode(row_items(row, [*starts[index], *(f for f in HEADER_FORKS if reached[f][index])]))
        for index, row in enumerate(blocks.to_pylist())
    ]


def _envelope(batch: ProofBatch, row: Row) -> bytes:
    fields = batch.rules.transactions.get(row["type"])
    return b"" if fields is None else _in_envelope(row["type"], row_items(row, fields))


def _in_envelope(kind: int, items: list[RlpItem]) -> bytes:
    # An EIP-2718 type is a byte. What is larger is no type, and fails for that (row_checks.py).
    byte = kind & 0xFF
    return bytes((byte,)) + encode(items) if byte else encode(items)


def _receipt(batch: ProofBatch, row: Row, logs: Sequence[Row], bloom: bytes) -> bytes:
    outcome = row["root"] if row["status"] is None else row["status"]
    items: list[RlpItem] = [_item(outcome), _item(row["cumulative_gas_used"]), bloom]
    items.append([_log(log) for log in logs])
    tail = batch.rules.receipt_tails.get(row["type"])
    if tail is not None and row[tail[-1]] is not None:
        items += row_items(row, tail)
    return _in_envelope(row["type"], items)


def _log(log: Row) -> list[RlpItem]:
    return [log["address"], _topics(log), log["data"]]


def _topics(log: Row) -> list[bytes]:
    topics = [log[f"topic{index}"] for index in range(4)]
    return [topic for topic in topics if topic is not None]


def _bloom(logs: Sequence[Row]) -> bytes:
    """The 2048-bit filter M3:2048 over addresses and topics (yellow paper, section 4.3.1)."""
    bits = 0
    for log in logs:
        for item in (log["address"], *_topics(log)):
            digest = keccak256(item)
            for place in (0, 2, 4):
                bits |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return bits.to_bytes(256, "big")


def row_items(row: Row, names: Sequence[str]) -> list[RlpItem]:
    return [
        [] if row[name] is None and name in LISTS else _item(row[name], word=name in WORDS)
        for name in names
    ]


def _item(value: Any, *, word: bool = False) -> RlpItem:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return int.from_bytes(value, "big") if word else value
    if isinstance(value, list):
        return [_item(each) for each in value]
    if isinstance(value, dict):
        return row_items(value, tuple(value))
    return int(value) if isinstance(value, int | Decimal) else b""


def _roots(items: Sequence[bytes], starts: Longs, counts: Longs) -> Bytes:
    roots = []
    for start, count in zip(starts[:-1].tolist(), counts.tolist(), strict=True):
        own = items[start : start + count]
        # A transaction that cannot be rebuilt has no bytes, and its block no root.
        roots.append(ordered_trie_root(own) if all(own) else EMPTY_TRIE_ROOT)
    return _matrix(roots, 32)


def _matrix(values: Sequence[bytes], width: int) -> Bytes:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, width)


def _pairs(starts: Longs) -> list[tuple[int, int]]:
    return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
