"""The audits of each layer over one range: rows of the lake in, verdicts of core.quality out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from chain_assets.core.block_range import range_of
from chain_assets.core.quality import Violation, counts, duplicates, gaps, gas_used, parent_links
from chain_assets.core.schemas import (
    BLOCK_PROOFS,
    DECODED_TABLES,
    ENRICHED_TABLES,
    RAW_BLOCKS,
    Table,
)
from chain_assets.core.schemas.abi import EVENTS
from chain_assets.core.schemas.abi import TOKEN_TRANSFERS as DECODED_TRANSFERS
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.core.schemas.enriched import TOKEN_TRANSFERS as ENRICHED_TRANSFERS
from chain_assets.core.schemas.enriched import TRANSACTIONS as ENRICHED_TRANSACTIONS
from chain_assets.defs.audited import LINK_COLUMNS, Audited
from chain_assets.defs.names import DECODED, ENRICHED, RAW

Audit = Callable[[Audited], list[Violation]]


def _links(table: Table) -> Audit:
    def audit(audited: Audited) -> list[Violation]:
        start = audited.block_range.start
        before = None
        if start > 0:
            below = range_of(start - 1, audited.chain.ranges)
            neighbour = Audited(audited.chain, below, audited.tables)
            before = neighbour.by_block(table, "hash").get(start - 1)
        rows = audited.rows(table, *LINK_COLUMNS)
        return parent_links(table, rows, before=before)

    return audit


def _raw_gaps(audited: Audited) -> list[Violation]:
    held = audited.rows(RAW_BLOCKS, "number")["number"].to_pylist()
    # Without a materialization of Dagster's own there is no head on record: up to what is held.
    head = max(held, default=-1) if audited.head is None else audited.head
    waiting = audited.waiting.get("fetch", frozenset())
    wanted = audited.block_range.between(audited.chain.start_block, head)
    expected = dict.fromkeys(number for number in wanted if number not in waiting)
    # Since then the head may have moved and others may have written: more is no fault.
    return gaps(RAW_BLOCKS, [n for n in held if n in expected], expected=expected)


def _same_blocks(table: Table, upstream: Table) -> Audit:
    """A block that is held back is no gap: it stands in block_proofs with its reason, or has a
    hold, such as one that lost its blob and that no node gives again."""
    stage = "enrich" if table is ENRICHED_BLOCKS else "fetch"

    def audit(audited: Audited) -> list[Violation]:
        held_back = {n: h.block.hash for n, h in audited.held_back().items()}
        held = audited.by_block(table, "hash")
        # One that a person has dropped is enriched all the same, and its hold stays: were it still
        # taken for waiting, each later run of the range would fail over its rows.
        waiting = audited.waiting.get(stage, frozenset()) - held.keys()
        wanted = {
            number: block_hash
            for number, block_hash in audited.by_block(upstream, "hash").items()
            if held_back.get(number) != block_hash and number not in waiting
        }
        other = [
            Violation(table.name, number, f"is of another fork than in {upstream.name}")
            for number in sorted(held)
            if number in wanted and held[number] != wanted[number]
        ]
        return gaps(table, held, expected=sorted(wanted)) + other

    return audit


def _duplicates(layer: tuple[Table, ...]) -> Audit:
    def audit(audited: Audited) -> list[Violation]:
        return [
            violation
            for table in layer
            for violation in duplicates(table, audited.rows(table, *table.key))
        ]

    return audit


def _one_canonical(audited: Audited) -> list[Violation]:
    """Both sides of a fork may be there, but a number has one canonical block."""
    rows = audited.rows(RAW_BLOCKS, "number", "hash")
    numbers = rows["number"].value_counts().to_pylist()
    twice = [
        Violation(RAW_BLOCKS.name, entry["values"], f"{entry['counts']} canonical blocks")
        for entry in numbers
        if entry["counts"] > 1
    ]
    return duplicates(RAW_BLOCKS, audited.stored(RAW_BLOCKS)) + twice


def _decoded_counts(audited: Audited) -> list[Violation]:
    transactions = audited.rows(
        TRANSACTIONS, "block_number", "gas_used", "cumulative_gas_used", "log_count"
    )
    logs = audited.by_block(BLOCKS, "log_count")
    said = {
        TRANSACTIONS: audited.by_block(BLOCKS, "transaction_count"),
        LOGS: logs,
        EVENTS: logs,
        WITHDRAWALS: audited.by_block(BLOCKS, "withdrawal_count"),
    }
    found = [
        violation
        for table, rows in said.items()
        for violation in counts(table, audited.numbers(table), said=rows)
    ]
    found += _receipt_logs(transactions, logs)
    found += _raw_counts(audited)
    return found + gas_used(TRANSACTIONS, transactions, said=audited.by_block(BLOCKS, "gas_used"))


def _receipt_logs(transactions: pa.Table, said: Mapping[int, int]) -> list[Violation]:
    """The logs of a block's receipts add up to those of the block."""
    sums = transactions.group_by("block_number").aggregate([("log_count", "sum")])
    return [
        Violation(
            TRANSACTIONS.name, row["block_number"], f"{row['log_count_sum']} logs in receipts"
        )
        for row in sums.sort_by("block_number").to_pylist()
        if row["block_number"] in said and row["log_count_sum"] != said[row["block_number"]]
    ]


def _raw_counts(audited: Audited) -> list[Violation]:
    """What was counted when the block was fetched is what was decoded."""
    return [
        Violation(BLOCKS.name, number, f"{column} is {held[number]}, it was {count} when fetched")
        for column in ("transaction_count", "log_count")
        for held in (audited.by_block(BLOCKS, column),)
        for number, count in sorted(audited.by_block(RAW_BLOCKS, column).items())
        if number in held and held[number] != count
    ]


def _proofs(audited: Audited) -> list[Violation]:
    held = sorted(audited.held_back().items())
    return [Violation(BLOCK_PROOFS.name, number, h.block.reason) for number, h in held]


def _enriched_counts(audited: Audited) -> list[Violation]:
    """As many transactions and transfers a block as there are decoded ones, but for blocks that
    wait for a price and are not there yet."""
    transfers = audited.rows(DECODED_TRANSFERS, "block_number")["block_number"].value_counts()
    moved = {entry["values"]: entry["counts"] for entry in transfers.to_pylist()}
    held = audited.by_block(ENRICHED_BLOCKS, "hash")
    waiting = audited.waiting.get("enrich", frozenset()) - held.keys()
    transactions = audited.by_block(BLOCKS, "transaction_count")
    said = {
        ENRICHED_TRANSACTIONS: {n: c for n, c in transactions.items() if n not in waiting},
        ENRICHED_TRANSFERS: {number: moved.get(number, 0) for number in held},
    }
    return [
        violation
        for table, rows in said.items()
        for violation in counts(table, audited.numbers(table), said=rows)
    ]


AUDITS: dict[str, dict[str, Audit]] = {
    RAW: {
        "parent_links": _links(RAW_BLOCKS),
        "gaps": _raw_gaps,
        "duplicates": _one_canonical,
    },
    DECODED: {
        "parent_links": _links(BLOCKS),
        "gaps": _same_blocks(BLOCKS, RAW_BLOCKS),
        "duplicates": _duplicates((BLOCK_PROOFS, *DECODED_TABLES)),
        "counts": _decoded_counts,
        "proofs": _proofs,
    },
    ENRICHED: {
        "gaps": _same_blocks(ENRICHED_BLOCKS, BLOCKS),
        "duplicates": _duplicates(ENRICHED_TABLES),
        "counts": _enriched_counts,
    },
}
# A block that is held back keeps no other from going on.
NOT_BLOCKING = {"proofs"}
DESCRIPTIONS = {
    "parent_links": "Each block's parent is the block before it, also across the range's start.",
    "gaps": "Every block is there, and none that should not be.",
    "duplicates": "No key stands twice in any table of the layer.",
    "counts": "Rows and gas of each block are what its header and its receipts say.",
    "proofs": "No block is held back because it is not what its own header says.",
}
