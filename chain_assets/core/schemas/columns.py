"""The words in which table contracts are written: Kind, Column, Table.

A Kind is how a value is read from JSON and how it is stored; it fixes the Arrow type:

    hash, address, bloom, nonce  DATA of 32, 20, 256, 8 bytes         → BINARY
    data                         DATA of any length                   → BINARY
    word                         any 256-bit quantity, 32 bytes BE    → BINARY, in numeric order
    quantity                     a quantity below 2^63                → LONG
    amount                       wei, or any amount that fits         → DECIMAL(38,0)
    timestamp                    Unix seconds                         → TIMESTAMP, UTC, µs

An amount that nobody keeps below 10^38 is a pair: `x` (amount) is NULL where it does not fit, and
`x_raw` (word) has it always; or, where such amounts are rare, only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pyarrow as pa

Kind = Literal[
    "hash",
    "address",
    "bloom",
    "nonce",
    "data",
    "word",
    "quantity",
    "amount",
    "timestamp",
    "bool",
    "text",
    "decimal",
    "double",
    "hashes",
    "access_list",
    "authorization_list",
]
Layer = Literal["raw", "decoded", "enriched", "reference"]

ACCESS_LIST = pa.list_(
    pa.struct(
        [
            pa.field("address", pa.binary(), nullable=False),
            pa.field("storage_keys", pa.list_(pa.binary()), nullable=False),
        ]
    )
)
# EIP-7702 asks only for chain_id < 2^256 and nonce < 2^64: whoever signs chooses them, so a LONG
# would refuse blocks that the chain accepted.
AUTHORIZATION_LIST = pa.list_(
    pa.struct(
        [
            pa.field("chain_id", pa.binary(), nullable=False),
            pa.field("address", pa.binary(), nullable=False),
            pa.field("nonce", pa.decimal128(38, 0), nullable=False),
            pa.field("y_parity", pa.int64(), nullable=False),
            pa.field("r", pa.binary(), nullable=False),
            pa.field("s", pa.binary(), nullable=False),
        ]
    )
)

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "hash": pa.binary(),
    "address": pa.binary(),
    "bloom": pa.binary(),
    "nonce": pa.binary(),
    "data": pa.binary(),
    "word": pa.binary(),
    "quantity": pa.int64(),
    "amount": pa.decimal128(38, 0),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "bool": pa.bool_(),
    "text": pa.string(),
    "decimal": pa.decimal128(38, 18),
    "double": pa.float64(),
    "hashes": pa.list_(pa.binary()),
    "access_list": ACCESS_LIST,
    "authorization_list": AUTHORIZATION_LIST,
}


@dataclass(frozen=True)
class Column:
    """One column.

    `sources` are the columns that it is made of: paths into the raw JSON (`block.parentHash`,
    `transaction.gas`, `receipt.status`, `log.data`, `withdrawal.amount`) or `table.column` of an
    earlier table. The word of a pair that is NULL wherever its amount fits is `sparse`.
    """

    name: str
    kind: Kind
    doc: str
    sources: tuple[str, ...] = ()
    nullable: bool = False
    sparse: bool = False

    @property
    def field(self) -> pa.Field:
        """The Arrow field."""
        return pa.field(self.name, ARROW_TYPES[self.kind], nullable=self.nullable)

    @property
    def json_path(self) -> str:
        """The one path into the raw JSON that the column is read from."""
        (path,) = self.sources
        return path


PARTITION_COLUMNS = (
    Column("chain", "text", "Name of the chain, as in chains.toml."),
    Column("block_range", "text", "First and last block of the range, 12 digits each."),
)


UNFINISHED = ""
"""The version of a row whose block is being replaced: see `Table.version_column`."""


@dataclass(frozen=True)
class Table:
    """One Delta table. `columns` are those after the partition columns `chain, block_range`.

    `grain` says what a row stands for, `key` which columns identify it within a chain, and
    `number_column` which column holds the block number.
    """

    name: str
    layer: Layer
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    number_column: str = "block_number"
    partition_columns: tuple[Column, ...] = PARTITION_COLUMNS

    # Schemas are kept: a table of sixty columns is asked for them with each small file.
    @cached_property
    def schema(self) -> pa.Schema:
        """All columns, the partition columns first: what a reader of the Delta table sees."""
        return pa.schema([c.field for c in (*self.partition_columns, *self.columns)])

    @cached_property
    def file_schema(self) -> pa.Schema:
        """The columns that stand in the Parquet files; Delta keeps partition values in its log."""
        return pa.schema([column.field for column in self.columns])

    def schema_of(self, names: Iterable[str]) -> pa.Schema:
        """The columns `names`, in this order. Raises KeyError."""
        return pa.schema([self.column(name).field for name in names])

    def column(self, name: str) -> Column:
        """The column `name`. Raises KeyError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"{self.name} has no column {name}") from None

    @cached_property
    def version_column(self) -> str | None:
        """What says which version a row was made by: there it is marked as UNFINISHED. None where
        rows have no version of their own."""
        names = {column.name for column in self.columns}
        return next((n for n in ("enricher_version", "decoder_version") if n in names), None)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in (*self.partition_columns, *self.columns)}

    def word_of(self, column: Column) -> Column | None:
        """The word of the pair that `column` is the amount of: `<name>_raw`; else None."""
        return self._by_name.get(f"{column.name}_raw")


def of_block(number: str, hash_: str, timestamp: str) -> tuple[Column, ...]:
    """The columns that tie a row to its block, made of the columns named."""
    return (
        Column("block_number", "quantity", "Number of the row's block.", (number,)),
        Column("block_hash", "hash", "Hash of the row's block: rows of a fork differ.", (hash_,)),
        Column("block_timestamp", "timestamp", "When the row's block was made.", (timestamp,)),
    )


def check_table(table: Table, data: pa.Table) -> pa.Table:
    """Return `data` with exactly the file columns of `table`, in order. Raises ValueError.

    The last gate before Parquet: a NULL in a column that promises none would only surface in a
    reader, long after the commit.
    """
    schema, present = table.file_schema, set(data.column_names)
    missing = [name for name in schema.names if name not in present]
    if missing:
        raise ValueError(f"{table.name} lacks the columns {', '.join(missing)}")
    data = data.select(schema.names)
    for field, column in zip(schema, data.columns, strict=True):
        if not field.nullable and column.null_count:
            raise ValueError(f"{table.name}.{field.name} has NULLs and must have none")
    return data if data.schema.equals(schema) else data.cast(schema)
