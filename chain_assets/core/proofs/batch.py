"""Decoded tables made ready for proving: rows assigned to their blocks, fields as they are hashed.

Both routes (plain.py, compiled.py) start from a ProofBatch and end in Recomputed, which verdict.py
compares with what the blocks say of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.keccak import keccak256
from chain_assets.core.proofs.absent import absent_transaction_fields
from chain_assets.core.proofs.fields import SPARSE
from chain_assets.core.proofs.rules import ProofRules
from chain_assets.core.words import binary_from_rows, words_from_decimals

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SYNC_PREFIX = b"matic-bor-receipt-"


@dataclass(frozen=True)
class Recomputed:
    """What the rows hash to: n blocks, m transactions. Digests are rows of 32 bytes.

    Transactions that cannot be rebuilt have the digest of nothing; verdict.py does not look at it.
    """

    block_hashes: Bytes
    transaction_hashes: Bytes
    transactions_roots: Bytes
    receipts_roots: Bytes
    withdrawals_roots: Bytes
    receipt_blooms: Bytes
    """(m, 256); zero where the source supplied no receipts."""


@dataclass(frozen=True)
class ProofBatch:
    """n blocks with their m transactions, l logs and w withdrawals, block by block.

    `starts` arrays have one entry more than rows they are about: rows `starts[i] : starts[i + 1]`
    belong to i. Tables are those of the decoder but for `timestamp`, which is in seconds, `status`,
    which is NULL where receipts hold a state root, `signed_chain_id`, which is `chain_id` or that
    of the rules, `parity`, which is `v` or `y_parity`, `gas_fee_cap`, which is `max_fee_per_gas` or
    `gas_price`. The amounts of SPARSE are in words, all of them, where one is 10^38 or more.
    """

    rules: ProofRules
    blocks: pa.Table
    transactions: pa.Table
    logs: pa.Table
    withdrawals: pa.Table
    transaction_starts: Longs
    log_starts: Longs
    """By transaction."""
    withdrawal_starts: Longs
    has_receipts: Mask
    """By block; true also where there is no transaction, hence nothing to supply."""
    state_sync: Mask
    """By transaction: Bor's own, last of its block, which stand outside both roots."""

    @cached_property
    def item_counts(self) -> Longs:
        """How many transactions of each block stand in its tries."""
        counts = np.diff(self.transaction_starts)
        outside = self.transaction_owners[self.state_sync]
        return counts - np.bincount(outside, minlength=len(counts))

    @cached_property
    def unsupplied_fields(self) -> Mapping[int, str]:
        """By transaction (its row): a field that it is hashed over and its source left out."""
        return absent_transaction_fields(self.transactions, self.rules)

    @cached_property
    def rebuilt(self) -> Mask:
        """By transaction: all that its envelope holds is known, and how."""
        kinds = integers(self.transactions["type"])
        rebuilt = np.isin(kinds, list(self.rules.transactions))
        rebuilt[list(self.unsupplied_fields)] = False
        return rebuilt

    @cached_property
    def transaction_owners(self) -> Longs:
        """The block (its row) of each transaction."""
        counts = np.diff(self.transaction_starts)
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def log_owners(self) -> Longs:
        """The transaction (its row) of each log."""
        counts = np.diff(self.log_starts)
        return np.repeat(np.arange(len(counts)), counts)


def make_batch(decoded: BlockTables, *, rules: ProofRules) -> ProofBatch:
    """Assign the rows of `decoded` to their blocks.

    Raises ValueError where the tables are not those of one decode: their counts do not agree.
    """
    blocks, transactions = decoded.blocks.combine_chunks(), decoded.transactions.combine_chunks()
    logs, withdrawals = decoded.logs.combine_chunks(), decoded.withdrawals.combine_chunks()
    transaction_starts = _starts(blocks["transaction_count"], transactions, "transactions")
    has_receipts = blocks["log_count"].is_valid().to_numpy() | (np.diff(transaction_starts) == 0)
    return ProofBatch(
        rules=rules,
        blocks=_with(blocks, "timestamp", _seconds(blocks["timestamp"])),
        transactions=_as_hashed(transactions, rules),
        logs=logs,
        withdrawals=withdrawals,
        transaction_starts=transaction_starts,
        log_starts=_starts(transactions["log_count"], logs, "logs"),
        withdrawal_starts=_starts(blocks["withdrawal_count"], withdrawals, "withdrawals"),
        has_receipts=has_receipts,
        state_sync=_state_sync(blocks, transactions, transaction_starts, rules),
    )


def integers(column: Any) -> Longs:
    """A column of LONG as an array, 0 for NULL."""
    known = pc.fill_null(column, 0) if column.null_count else column
    values: Longs = known.to_numpy().astype(np.int64, copy=False)
    return values


def _starts(counts: Any, rows: pa.Table, name: str) -> Longs:
    starts = np.concatenate([[0], np.cumsum(integers(counts))]).astype(np.int64)
    if starts[-1] != rows.num_rows:
        raise ValueError(f"{rows.num_rows} rows of {name} for a count of {starts[-1]}")
    return starts


def _seconds(timestamps: Any) -> Any:
    return pc.divide(timestamps.cast(pa.int64()), 1_000_000)


def _as_hashed(transactions: pa.Table, rules: ProofRules) -> pa.Table:
    transactions = _in_words(transactions)
    chain_id = pc.fill_null(transactions["chain_id"], rules.chain_id)
    parity = pc.coalesce(transactions["v"], transactions["y_parity"])
    fee_cap = pc.coalesce(transactions["max_fee_per_gas"], transactions["gas_price"])
    by_root = pc.less(transactions["block_number"], rules.first_status)
    status = pc.if_else(by_root, pa.scalar(None, pa.int64()), transactions["status"])
    return (
        _with(transactions, "status", status)
        .append_column("signed_chain_id", chain_id)
        .append_column("parity", parity)
        .append_column("gas_fee_cap", fee_cap)
    )


def _in_words(transactions: pa.Table) -> pa.Table:
    """The amounts of sparse pairs as words, unless all of them fit."""
    large = {name: transactions[f"{name}_raw"] for name in SPARSE}
    if all(words.null_count == len(words) for words in large.values()):
        return transactions
    for name, words in large.items():
        fitting = transactions[name].combine_chunks()
        known = fitting.is_valid().to_numpy(zero_copy_only=False)
        amounts = binary_from_rows(words_from_decimals(fitting), valid=known)
        transactions = _with(transactions, name, pc.coalesce(amounts, words))
    return transactions


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _state_sync(blocks: pa.Table, transactions: pa.Table, starts: Longs, rules: ProofRules) -> Mask:
    """Bor's own transactions: the last of their block, without gas, named after the block.

    Nobody else's transaction can pass for one, since its hash is made from the block's.
    """
    found = np.zeros(transactions.num_rows, np.bool_)
    if rules.family != "bor":
        return found
    for block in np.flatnonzero(np.diff(starts)):
        last = int(starts[block + 1]) - 1
        price = transactions["gas_price"][last].as_py()
        if transactions["gas"][last].as_py() == 0 and price == 0:
            number, block_hash = (blocks[name][int(block)].as_py() for name in ("number", "hash"))
            name = keccak256(_SYNC_PREFIX + number.to_bytes(8, "big") + block_hash)
            found[last] = transactions["hash"][last].as_py() == name
    return found
