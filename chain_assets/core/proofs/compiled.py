"""The fast route: Arrow columns through compiled kernels, no Python object for any row.

Needs numba. Its result is that of plain.py, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.keccak_batch import Bytes, keccak256_slices
from chain_assets.core.proofs.batch import ProofBatch, Recomputed, integers
from chain_assets.core.proofs.bloom import receipt_blooms
from chain_assets.core.proofs.encodings import (
    AURA_SEAL,
    HEADER_FORKS,
    HEADER_START,
    SEAL,
    WITHDRAWAL,
)
from chain_assets.core.proofs.fields import fork_fields, sealed_by_aura
from chain_assets.core.proofs.log_kernel import (
    LOG_DATA,
    log_payloads,
    logs_by_receipt,
    write_logs,
)
from chain_assets.core.proofs.rlp_batch import Group, column_fields, encode_lists
from chain_assets.core.proofs.slices import Slices, binary_slices, field_table, integer_slices
from chain_assets.core.proofs.trie_batch import ordered_trie_roots, plan
from chain_assets.core.proofs.trie_kernel import LEAF_ROOM


def recompute(batch: ProofBatch) -> Recomputed:
    """Everything that the rows of `batch` hash to."""
    envelopes = _transactions(batch)
    blooms, receipts = _receipts(batch)
    withdrawals = _all_rows(batch.withdrawals, WITHDRAWAL)
    starts, forest = batch.transaction_starts[:-1], plan(batch.item_counts)
    return Recomputed(
        block_hashes=_digests(_headers(batch.blocks)),
        transaction_hashes=_digests(envelopes),
        transactions_roots=ordered_trie_roots(envelopes, starts=starts, forest=forest),
        receipts_roots=ordered_trie_roots(receipts, starts=starts, forest=forest),
        withdrawals_roots=ordered_trie_roots(
            withdrawals,
            starts=batch.withdrawal_starts[:-1],
            forest=plan(np.diff(batch.withdrawal_starts)),
        ),
        receipt_blooms=blooms,
    )


def _digests(slices: Slices) -> Bytes:
    return keccak256_slices(slices.data, slices.starts, slices.lengths)


def _headers(blocks: pa.Table) -> Slices:
    fields = column_fields({name: blocks[name] for name in (*HEADER_START, *SEAL, *AURA_SEAL)})
    aura, start = sealed_by_aura(blocks), len(HEADER_START)
    for place in range(start, len(fields)):
        fields[place] = fields[place].only(aura if place >= start + len(SEAL) else ~aura)
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
    return encode_lists(groups, table.num_rows, envelopes=kinds.astype(np.uint8), room=LEAF_ROOM)


def _receipts(batch: ProofBatch) -> tuple[Bytes, Slices]:
    """The blooms and the envelopes of all receipts."""
    table, count = batch.transactions, batch.transactions.num_rows
    log_fields = _log_fields(batch.logs)
    blooms = receipt_blooms(log_fields[:LOG_DATA], owners=batch.log_owners, count=count)
    places = np.arange(count) * 256
    logs, fill = _logs(batch, log_fields)
    has_status = table["status"].is_valid().to_numpy()
    fields = [
        integer_slices(table["status"]).only(has_status),
        binary_slices(table["root"]).only(~has_status),
        integer_slices(table["cumulative_gas_used"]),
        Slices(blooms.reshape(-1), places, np.full(count, 256)),
        logs,
    ]
    kinds = integers(table["type"])
    for kind, tail in batch.rules.receipt_tails.items():
        ending = (kinds == kind) & table[tail[-1]].is_valid().to_numpy()
        fields += [integer_slices(table[name]).only(ending) for name in tail]
    group, types = Group(np.arange(count), fields), kinds.astype(np.uint8)
    return blooms, encode_lists([group], count, envelopes=types, room=LEAF_ROOM, fill=fill)


def _log_fields(logs: pa.Table) -> Sequence[Slices]:
    """The fields of log_kernel.py, in its order."""
    columns = [logs[f"topic{index}"] for index in range(4)]
    topics = [binary_slices(column).only(pc.is_valid(column).to_numpy()) for column in columns]
    return [binary_slices(logs["address"]), *topics, binary_slices(logs["data"])]


def _logs(batch: ProofBatch, fields: Sequence[Slices]) -> tuple[Slices, Callable[[], None]]:
    """The lists of logs as a field of receipts, and what writes them into the receipts."""
    table = field_table(fields, batch.logs.num_rows)
    logs, topics = log_payloads(table, batch.logs.num_rows)
    holes = Slices.holes(logs_by_receipt(logs, batch.log_starts))

    def fill() -> None:
        write_logs(table, logs, topics, batch.log_starts, holes.starts)

    return holes, fill


def _all_rows(table: pa.Table, names: Sequence[str]) -> Slices:
    fields = column_fields({name: table[name] for name in names})
    group = Group(np.arange(table.num_rows), fields)
    return encode_lists([group], table.num_rows, room=LEAF_ROOM)
