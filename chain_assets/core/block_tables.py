"""What the readers of block JSON share: what goes in, what comes out, and which keys have a name.

RawPayload  →  json_kernel (fast)  ─┐
               json_strict (plain) ─┴→  BlockTables
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.errors import DecodeError
from chain_assets.core.schemas.columns import Column, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

BLOCK_TABLES = (BLOCKS, TRANSACTIONS, LOGS, WITHDRAWALS)
# Whose objects the rows of a table are: the first word of its columns' paths.
OBJECT_OF = {
    BLOCKS.name: "block",
    TRANSACTIONS.name: "transaction",
    LOGS.name: "log",
    WITHDRAWALS.name: "withdrawal",
}

# Made after the JSON is read: by the caller, from the blob and from the proof.
_LATER = {"proof", "decoder_version", "raw_sha256"}

# What nodes repeat on every row, or what is true of every block that is stored: not unknown.
REDUNDANT_PATHS = (
    *("transaction.blockHash", "transaction.blockNumber", "transaction.blockTimestamp"),
    # Nethermind gives the input twice, under both of its names.
    "transaction.data",
    *("receipt.blockHash", "receipt.blockNumber", "receipt.blockTimestamp"),
    *("receipt.transactionHash", "receipt.transactionIndex", "receipt.from", "receipt.to"),
    *("receipt.type", "receipt.logs"),
    *("log.blockHash", "log.blockNumber", "log.blockTimestamp", "log.removed"),
)
# Another key of the same value, which counts where the first is null or not there: Erigon's names
# of an AuRa seal, beside those of Nethermind and OpenEthereum.
OTHER_KEYS = {"block.step": "block.auraStep", "block.signature": "block.auraSeal"}

# What every object must have although no column of it is always set: a pair has two.
REQUIRED_PATHS = frozenset({"transaction.value"})


@dataclass(frozen=True)
class RawPayload:
    """One block's JSON, `{"block": …, "receipts": … | null}`, and which block it should be."""

    number: int
    hash: bytes
    payload: bytes


@dataclass(frozen=True)
class BlockTables:
    """The typed rows of many blocks, in the order of their payloads.

    The tables have the file columns of core/schemas but for `proof`, `decoder_version` and
    `raw_sha256`, which are not in the JSON. `refused` has one error for each block left out.
    """

    blocks: pa.Table
    transactions: pa.Table
    logs: pa.Table
    withdrawals: pa.Table
    unknown_fields: Counter[str]
    refused: tuple[DecodeError, ...]


def without_blocks(decoded: BlockTables, numbers: Collection[int]) -> BlockTables:
    """The same without any row of the blocks `numbers`."""
    if not numbers:
        return decoded
    left_out = pa.array(sorted(numbers), pa.int64())

    def keep(rows: pa.Table, number: str) -> pa.Table:
        return rows.filter(pc.invert(pc.is_in(rows[number], left_out)))

    return replace(
        decoded,
        blocks=keep(decoded.blocks, "number"),
        transactions=keep(decoded.transactions, "block_number"),
        logs=keep(decoded.logs, "block_number"),
        withdrawals=keep(decoded.withdrawals, "block_number"),
    )


def json_columns_of(table: Table) -> tuple[Column, ...]:
    """The columns of `table` that are read from the JSON, in the order of its contract."""
    return tuple(column for column in table.columns if column.name not in _LATER)


def json_schema_of(table: Table) -> pa.Schema:
    """The Arrow schema of `json_columns_of(table)`."""
    return pa.schema([column.field for column in json_columns_of(table)])


KNOWN_PATHS = frozenset((*REDUNDANT_PATHS, *OTHER_KEYS.values())) | {
    column.json_path for table in BLOCK_TABLES for column in json_columns_of(table)
}
