"""docs/tables.md, made from the contracts in core/schemas: `python -m chain_assets.table_docs`.

A test says when the file on disk is no longer what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa

from chain_assets.core.schemas import TABLES, Table
from chain_assets.core.schemas.columns import Column

_INTRODUCTION = """\
# Tables

Made from the contracts in `chain_assets/core/schemas` by `python -m chain_assets.table_docs`.

Every table is a Delta table of its own, partitioned by `chain` and `block_range` (the reference
tables by `chain` alone). The same fact has the same name and type in every table.

- Hashes, addresses and payloads are BINARY. `chain-assets sql` shows them as 0x hex.
- Amounts of wei are DECIMAL(38,0). An amount that a contract chooses may need all 256 bits: it
  stands twice, as `x` DECIMAL(38,0), NULL where it does not fit, and as `x_raw`, 32 bytes
  big-endian, always set. The bytes sort as the numbers do. Of a transaction's `value`,
  `gas_price` and `max_fee_per_gas` the `_raw` is NULL unless the amount does not fit: only messages
  from layer 1 to a layer 2, which anybody can send, name as much.
- Sums of DECIMAL(38,0) can overflow in every engine: use `try_sum` in Spark, or DOUBLE.
- A receipt's columns are NULL where the source supplied no receipts for the block.
"""


def render() -> str:
    """The whole document."""
    return "\n".join([_INTRODUCTION, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    return "\n".join(
        [
            f"## {table.name}",
            "",
            f"One row per {table.grain}. Key within a chain: {', '.join(table.key)}.",
            "",
            "| column | type | NULL | what | made of |",
            "|---|---|---|---|---|",
            *_rows(table),
            "",
        ]
    )


def _rows(table: Table) -> Iterator[str]:
    for column in (*table.partition_columns, *table.columns):
        cells = (
            column.name,
            _type_name(column),
            "yes" if column.nullable else "",
            column.doc,
            ", ".join(f"`{source}`" for source in column.sources),
        )
        yield f"| {' | '.join(cells)} |"


def _type_name(column: Column) -> str:
    kind = column.field.type
    if pa.types.is_binary(kind):
        return "BINARY"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    names = {
        pa.int64(): "LONG",
        pa.float64(): "DOUBLE",
        pa.bool_(): "BOOLEAN",
        pa.string(): "STRING",
        pa.timestamp("us", tz="UTC"): "TIMESTAMP",
        pa.list_(pa.binary()): "ARRAY of BINARY",
    }
    return names.get(kind) or "ARRAY of STRUCT"


if __name__ == "__main__":
    sys.stdout.write(render())
