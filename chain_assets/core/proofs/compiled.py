"""The fast route: Arrow columns through compiled kernels, no Python object for any row.

Needs numba. Its result is that of plain.py, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.keccak_batch import Bytes, keccak256_slices
from chain_assets.core.proofs.batch import ProofBatch, Recomputed, integers
from chain_assets.core.proofs.bloom import receipt_blooms
from chain_assets.core.proofs.encodings import (
    DEPOSIT,
    DEPOSIT_RECEIPT,
    HEADER,
    HEADER_FORKS,
    WITHDRAWAL,
)
from chain_assets.core.proofs.fields import fork_fields
from chain_assets.core.proofs.rlp_batch import Group, column_fields, encode_lists
from chain_assets.core.proofs.slices import Slices, binary_slices, integer_slices
from chain_assets.core.proofs.trie_batch import ordered_trie_roots


def recompute(batch: ProofBatch) -> Recomputed:
    """Everything that the rows of `batch` hash to."""
    envelopes = _transactions(batch)
    blooms, receipts = _receipts(batch)
    withdrawals = _all_rows(batch.withdrawals, WITHDRAWAL)
    roots = partial(
        ordered_trie_roots, starts=batch.transaction_starts[:-1], counts=batch.item_counts
    )
    return Recomputed(
        block_hashes=_digests(_headers(batch.blocks)),
        transaction_hashes=_digests(envelopes),
        transactions_roots=roots(envelopes),
        receipts_roots=roots(receipts),
        withdrawals_roots=ordered_trie_roots(
            withdrawals,
            starts=batch.withdrawal_starts[:-1],
            counts=np.diff(batch.withdrawal_starts),
        ),
        receipt_blooms=blooms,
    )


def _digests(slices: Slices) -> Bytes:
    return keccak256_slices(slices.data, slices.starts, slices.lengths)


def _headers(blocks: pa.Table) -> Slices:
    fields = column_fields({name: blocks[name] for name in HEADER})
    forks = column_fields({name: blocks[name] for name in HEADER_FORKS})
    reached = fork_fields(blocks)
    for name, field in zip(HEADER_FORKS, forks, strict=True):
        fields.append(field.only(reached[name].to_numpy()))
    return encode_lists([Group(np.arange(blocks.num_rows), fields)], blocks.num_rows)


def _transactions(batch: ProofBatch) -> Slices:
    """The EIP-2718 envelope of each transaction; empty for those that cannot be rebuilt."""
    table = batch.transactions
    kinds = integers(table["type"])
    layouts = {k: f for k, f in batch.rules.transactions.items() if (kinds == k).any()}
    names = sorted({name for fields in layouts.values() for name in fields})
    columns = dict(zip(names, column_fields({n: table[n] for n in names}), strict=True))
    groups = [
        Group(np.flatnonzero(kinds == kind), [columns[name] for name in fields])
        for kind, fields in layouts.items()
    ]
    return encode_lists(groups, table.num_rows, envelopes=kinds.astype(np.uint8))


def _receipts(batch: ProofBatch) -> tuple[Bytes, Slices]:
    """The blooms and the envelopes of all receipts."""
    table, count = batch.transactions, batch.transactions.num_rows
    address, topics = _addresses_and_topics(batch.logs)
    blooms = receipt_blooms([address, *topics], owners=batch.log_owners, count=count)
    places = np.arange(count) * 256
    has_status = table["status"].is_valid().to_numpy()
    fields = [
        integer_slices(table["status"]).only(has_status),
        binary_slices(table["root"]).only(~has_status),
        integer_slices(table["cumulative_gas_used"]),
        Slices(blooms.reshape(-1), places, np.full(count, 256)),
        _logs(batch.logs, address, topics).spans(batch.log_starts),
    ]
    kinds = integers(table["type"])
    if batch.rules.family == "op_stack":
        versioned = (kinds == DEPOSIT) & table["deposit_receipt_version"].is_valid().to_numpy()
        fields += [integer_slices(table[name]).only(versioned) for name in DEPOSIT_RECEIPT]
    group = Group(np.arange(count), fields)
    return blooms, encode_lists([group], count, envelopes=kinds.astype(np.uint8))


def _addresses_and_topics(logs: pa.Table) -> tuple[Slices, Sequence[Slices]]:
    columns = [logs[f"topic{index}"] for index in range(4)]
    topics = [binary_slices(column).only(pc.is_valid(column).to_numpy()) for column in columns]
    return binary_slices(logs["address"]), topics


def _logs(logs: pa.Table, address: Slices, topics: Sequence[Slices]) -> Slices:
    rows = np.arange(logs.num_rows)
    topic_lists = encode_lists([Group(rows, topics)], logs.num_rows).raw()
    fields = [address, topic_lists, binary_slices(logs["data"])]
    return encode_lists([Group(rows, fields)], logs.num_rows)


def _all_rows(table: pa.Table, names: Sequence[str]) -> Slices:
    fields = column_fields({name: table[name] for name in names})
    return encode_lists([Group(np.arange(table.num_rows), fields)], table.num_rows)
