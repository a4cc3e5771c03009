"""Audits: rows of a range → what is wrong with them, block by block.

    parent_links   each block's parent is the block before it
    gaps           every block that should be there is there, and no other
    duplicates     no key stands twice
    counts         rows a block, and its gas, are what its header and receipts say

An audit gets just the columns that it names and returns violations; an empty list is a pass. It
asks the stored rows, never the code that wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.schemas import Table


@dataclass(frozen=True)
class Violation:
    """What is wrong with one block of a table."""

    table: str
    block: int
    what: str


def parent_links(table: Table, blocks: pa.Table, *, before: bytes | None) -> list[Violation]:
    """Blocks (`number`, `hash`, `parent_hash`) whose parent is not the block below them.

    `before` is the hash of the last block of the range before, None where that is not stored. A
    block whose predecessor is missing is a gap, and not looked at here.
    """
    rows = {row["number"]: row for row in blocks.to_pylist()}
    violations = []
    for number in sorted(rows):
        below = rows.get(number - 1)
        parent = below["hash"] if below else before if number == min(rows) else None
        if parent is not None and rows[number]["parent_hash"] != parent:
            found = rows[number]["parent_hash"].hex()
            what = f"its parent is 0x{found}, block {number - 1} is 0x{parent.hex()}"
            violations.append(Violation(table.name, number, what))
    return violations


def gaps(table: Table, numbers: Iterable[int], *, expected: Collection[int]) -> list[Violation]:
    """Numbers that are expected and missing, and those that are there and not expected."""
    held = set(numbers)
    missing = [Violation(table.name, n, "is missing") for n in expected if n not in held]
    surplus = [
        Violation(table.name, n, "should not be there") for n in sorted(held - set(expected))
    ]
    return missing + surplus


def duplicates(table: Table, rows: pa.Table) -> list[Violation]:
    """Keys of `table` that stand more than once; `rows` holds the key columns."""
    keys = list(table.key)
    counted = rows.group_by(keys).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1)).sort_by(
        [(table.number_column, "ascending")]
    )
    return [
        Violation(
            table.name,
            row[table.number_column],
            f"{row['count_all']} rows with {_key(row, keys)}",
        )
        for row in twice.to_pylist()
    ]


def _key(row: Mapping[str, object], keys: Iterable[str]) -> str:
    return ", ".join(
        f"{name} {value.hex() if isinstance(value, bytes) else value}"
        for name in keys
        if (value := row[name]) is not None
    )


def counts(table: Table, numbers: pa.ChunkedArray, *, said: Mapping[int, int]) -> list[Violation]:
    """Blocks that have another number of rows in `table` than is said of them.

    `numbers` is the block number of every row. Blocks of which nothing is said are not looked at.
    """
    found = Counter(numbers.to_pylist())
    return [
        Violation(table.name, number, f"{found[number]} rows, not {rows}")
        for number, rows in sorted(said.items())
        if found[number] != rows
    ]


def gas_used(table: Table, transactions: pa.Table, *, said: Mapping[int, int]) -> list[Violation]:
    """Blocks whose receipts use another amount of gas than their header says (`said`).

    `transactions` has `block_number`, `gas_used` and `cumulative_gas_used`; blocks without
    receipts are not looked at. A header's gasUsed is the cumulativeGasUsed of the last receipt
    (Yellow Paper, 4.3.2) and the sum of all gasUsed. The highest stands in for the last: Bor's
    state-sync transaction comes last and says 0 for both.
    """
    receipts = transactions.filter(pc.is_valid(transactions["cumulative_gas_used"]))
    by_block = receipts.group_by("block_number").aggregate(
        [("gas_used", "sum"), ("cumulative_gas_used", "max")]
    )
    violations = []
    for row in by_block.sort_by("block_number").to_pylist():
        number, total = row["block_number"], row["gas_used_sum"]
        highest = row["cumulative_gas_used_max"]
        if number in said and not said[number] == total == highest:
            what = f"its header says {said[number]} gas, its receipts {total}, the last {highest}"
            violations.append(Violation(table.name, number, what))
    return violations
