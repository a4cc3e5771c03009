"""A range of a chain as its audits see it: each table read once, with the columns asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import RAW_BLOCKS, Table
from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.proving import Held, read_held

LINK_COLUMNS = ("number", "hash", "parent_hash")
# Beside the key; what is not asked for is not read.
_ASKED: dict[str, tuple[str, ...]] = {
    RAW_BLOCKS.name: (*LINK_COLUMNS, "canonical", "transaction_count", "log_count"),
    BLOCKS.name: (
        *LINK_COLUMNS,
        "transaction_count",
        "log_count",
        "withdrawal_count",
        "gas_used",
    ),
    TRANSACTIONS.name: ("gas_used", "cumulative_gas_used", "log_count"),
    ENRICHED_BLOCKS.name: ("hash",),
}


@dataclass(frozen=True)
class Audited:
    """A range of a chain in the lake; `head` is the source's when it was materialized.

    `waiting` are blocks that could not be fetched or wait for a price, by the stage that holds
    them: no gaps.
    """

    chain: Chain
    block_range: BlockRange
    tables: LakeTables
    head: int | None = None
    waiting: Mapping[str, frozenset[int]] = field(default_factory=dict)
    _read: dict[str, pa.Table] = field(default_factory=dict)

    def stored(self, table: Table) -> pa.Table:
        """What the audits ask of a table, read once for all of them."""
        if table.name not in self._read:
            names = dict.fromkeys((table.number_column, *table.key, *_ASKED.get(table.name, ())))
            self._read[table.name] = self.tables.read(
                table, columns=list(names), chain=self.chain.name, block_range=self.block_range.key
            )
        return self._read[table.name]

    def rows(self, table: Table, *columns: str) -> pa.Table:
        """These columns of the range; of raw_blocks the canonical rows only."""
        rows = self.stored(table)
        if table is RAW_BLOCKS:
            rows = rows.filter(rows["canonical"])
        return rows.select(list(dict.fromkeys(columns)))

    def numbers(self, table: Table) -> pa.ChunkedArray:
        """The block number of every row."""
        return self.rows(table, table.number_column)[table.number_column]

    def held_back(self) -> dict[int, Held]:
        """The blocks of the range that are held back, by number."""
        return read_held(
            self.tables, {"chain": self.chain.name, "block_range": self.block_range.key}
        )

    def by_block(self, table: Table, column: str) -> dict[int, Any]:
        """A column of a block table, by block number, without its NULLs."""
        rows = self.rows(table, "number", column)
        pairs = zip(rows["number"].to_pylist(), rows[column].to_pylist(), strict=True)
        return {number: value for number, value in pairs if value is not None}
