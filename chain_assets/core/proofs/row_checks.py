"""Checks of rows against each other: what no root covers, or covers without naming the row.

Each check marks bad rows of one table for all blocks at once; of each block only the first bad row
is told, as a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.keccak import keccak256
from chain_assets.core.proofs.batch import Longs, Mask, ProofBatch, Recomputed, integers
from chain_assets.core.proofs.columns import fixed_rows, same_rows
from chain_assets.core.proofs.derived_checks import derived_checks
from chain_assets.core.proofs.unsigned_checks import unsigned_checks

_NO_UNCLES = keccak256(b"\xc0")  # the hash of an empty RLP list
Check = tuple[Mask, Longs, Callable[[int], str]]


def first_bad_rows(
    batch: ProofBatch, recomputed: Recomputed, senders: Mask | None
) -> Iterator[tuple[int, str]]:
    """(block, reason) of the first bad row of each check in each block.

    `senders` marks transactions that another than their `from_address` signed.
    """
    transactions, in_block = batch.transaction_owners, batch.transaction_starts
    log_blocks = transactions[batch.log_owners]
    for bad, reason in _transaction_checks(batch, recomputed, senders):
        yield from _first(bad, transactions, in_block, reason)
    for bad, reason in _log_checks(batch, log_blocks):
        yield from _first(bad, log_blocks, batch.log_starts[in_block], reason)
    counts = np.diff(batch.withdrawal_starts)
    owners = np.repeat(np.arange(len(counts)), counts)
    bad = _gaps(integers(batch.withdrawals["withdrawal_index"]), owners)
    reason = "withdrawal {0} does not follow the one before by its index"
    yield from _first(bad, owners, batch.withdrawal_starts, reason)
    yield from _gas_used(batch)
    yield from _uncles(batch.blocks)


def foreign_transactions(batch: ProofBatch) -> Iterator[tuple[int, str]]:
    """(block, reason) of the first transaction in each block that is signed for another chain.

    No rule of a chain excuses it: these are blocks of another folder or node than was meant.
    """
    own, signed = batch.rules.chain_id, _signed_chain_ids(batch.transactions)
    # Transactions older than EIP-155 are of any chain; some nodes say that their chain id is 0.
    foreign = ~batch.state_sync & (signed != 0) & (signed != own)
    reason = f"transaction {{0}} is of another chain than the one with the id {own}"
    yield from _first(foreign, batch.transaction_owners, batch.transaction_starts, reason)


def _signed_chain_ids(transactions: pa.Table) -> Longs:
    """What each says in its `v`, if it is a legacy one with EIP-155, or in its chain id; else 0."""
    kinds, v = integers(transactions["type"]), integers(transactions["v"])
    said = integers(transactions["chain_id"])
    # Without EIP-155 a legacy transaction has 27 or 28 there.
    return np.where((kinds == 0) & (v >= 35), (v - 35) // 2, said)


def _transaction_checks(
    batch: ProofBatch, recomputed: Recomputed, senders: Mask | None
) -> Iterator[tuple[Mask, str]]:
    table, ours = batch.transactions, ~batch.state_sync
    kinds, v = integers(table["type"]), integers(table["v"])
    layouts = batch.rules.transactions
    stray = _without_opaque(~np.isin(kinds, list(layouts)) & ours, kinds, batch)
    yield stray, f"transaction {{0}} is of a type that {batch.rules.family} does not have there"
    hashed = same_rows(recomputed.transaction_hashes, table["hash"])
    yield ~hashed & batch.rebuilt & ours, "transaction {0} does not hash to its transaction hash"
    places = _places(batch.transaction_owners, batch.transaction_starts)
    wrong_place = integers(table["transaction_index"]) != places
    yield wrong_place, "transaction {0} has the transaction index of another"
    said, signed = integers(table["chain_id"]), _signed_chain_ids(table)
    other = table["chain_id"].is_valid().to_numpy() & (signed != said)
    yield other, "transaction {0} is signed for another chain id than it has"
    both = pc.and_(table["v"].is_valid(), table["y_parity"].is_valid()).to_numpy()
    typed = np.isin(kinds, [kind for kind, fields in layouts.items() if "parity" in fields])
    yield (
        both & typed & (v != integers(table["y_parity"])),
        "transaction {0} has another v than parity",
    )
    if senders is not None:
        yield senders, "transaction {0} was not signed by its sender"
    supplied = batch.has_receipts[batch.transaction_owners] & ours
    total = integers(table["cumulative_gas_used"])
    before = np.where(places == 0, 0, np.concatenate([[0], total[:-1]]))
    wrong_sum = supplied & (total - before != integers(table["gas_used"]))
    yield wrong_sum, "transaction {0}: gas used does not add up to the cumulative gas used"
    blooms = table["logs_bloom"].is_valid().to_numpy()
    same = same_rows(recomputed.receipt_blooms, table["logs_bloom"])
    yield supplied & blooms & ~same, "logs bloom of receipt {0} is not that of its logs"
    yield from derived_checks(batch)
    yield from unsigned_checks(batch)


def _without_opaque(unknown: Mask, kinds: Longs, batch: ProofBatch) -> Mask:
    """Of transactions of unknown types those that no rule of the chain knows there either."""
    numbers = integers(batch.transactions["block_number"])
    stray, ends = unknown.copy(), set((batch.transaction_starts[1:] - 1).tolist())
    for row in np.flatnonzero(unknown).tolist():
        kind = int(kinds[row])
        known = batch.rules.opaque(kind, int(numbers[row])) is not None
        stray[row] = not known or (batch.rules.only_last(kind) and row not in ends)
    return stray


def _log_checks(batch: ProofBatch, blocks: Longs) -> Iterator[tuple[Mask, str]]:
    logs, table = batch.logs, batch.transactions
    places = _places(blocks, batch.log_starts[batch.transaction_starts])
    yield integers(logs["log_index"]) != places, "log {0} has the log index of another"
    index = integers(table["transaction_index"])[batch.log_owners]
    other = integers(logs["transaction_index"]) != index
    hashes, _ = fixed_rows(table["hash"], 32)
    other |= ~same_rows(hashes[batch.log_owners], logs["transaction_hash"])
    yield other, "log {0} names another transaction than its receipt's"


def _first(bad: Mask, owners: Longs, starts: Longs, reason: str) -> Iterator[tuple[int, str]]:
    rows = np.flatnonzero(bad)
    if len(rows):
        blocks, first = np.unique(owners[rows], return_index=True)
        for block, row in zip(blocks.tolist(), rows[first].tolist(), strict=True):
            yield block, reason.format(row - int(starts[block]))


def _places(owners: Longs, starts: Longs) -> Longs:
    return np.arange(len(owners)) - starts[owners]


def _gaps(values: Longs, owners: Longs) -> Mask:
    bad = np.zeros(len(values), np.bool_)
    bad[1:] = (owners[1:] == owners[:-1]) & (values[1:] != values[:-1] + 1)
    return bad


def _gas_used(batch: ProofBatch) -> Iterator[tuple[int, str]]:
    """The last cumulative gas is the header's gas used (yellow paper, section 4.3.4)."""
    counts = batch.item_counts
    last = np.zeros(len(counts), np.int64)
    filled = np.flatnonzero(counts)
    rows = batch.transaction_starts[:-1][filled] + counts[filled] - 1
    last[filled] = integers(batch.transactions["cumulative_gas_used"])[rows]
    differs = batch.has_receipts & (last != integers(batch.blocks["gas_used"]))
    for block in np.flatnonzero(differs).tolist():
        yield block, f"gas used: the receipts add up to {last[block]}, the header has another sum"


def _uncles(blocks: pa.Table) -> Iterator[tuple[int, str]]:
    """Only the hashes of uncles are known here, so only that there are none can be checked."""
    counts: Any = pc.list_value_length(blocks["uncles"])
    none_said = pc.equal(blocks["sha3_uncles"], _NO_UNCLES)
    differs = pc.not_equal(none_said, pc.equal(counts, 0))
    for block in np.flatnonzero(pc.fill_null(differs, False).to_numpy()).tolist():
        yield block, "uncles: the list and the header's hash do not agree whether there are any"
