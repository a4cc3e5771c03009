"""Column schemas and column lineage, as Dagster shows them, from the tables' contracts.

    JSON path           →  column of a decoded table        →  column of an enriched table
    receipt.gasUsed        decoded_transactions.gas_used       enriched_transactions.fee

A layer is one asset with several tables: its columns are called `table.column`. The columns of
raw_blocks are those of its index and the paths into the JSON of its blobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.schemas import (
    BLOCK_PROOFS,
    DECODED_TABLES,
    RAW_BLOCKS,
    TABLES,
    Column,
    Table,
)
from chain_assets.core.schemas.columns import Kind
from chain_assets.defs.names import DECODED, ENRICHED, RAW, asset_key

SQL_TYPES: dict[Kind, str] = {
    "hash": "BINARY",
    "address": "BINARY",
    "bloom": "BINARY",
    "nonce": "BINARY",
    "data": "BINARY",
    "word": "BINARY",
    "quantity": "LONG",
    "amount": "DECIMAL(38,0)",
    "timestamp": "TIMESTAMP",
    "bool": "BOOLEAN",
    "text": "STRING",
    "decimal": "DECIMAL(38,18)",
    "double": "DOUBLE",
    "hashes": "ARRAY<BINARY>",
    "access_list": "ARRAY<STRUCT>",
    "authorization_list": "ARRAY<STRUCT>",
}
_ASSET_OF_LAYER = {"raw": RAW, "decoded": DECODED, "enriched": ENRICHED}


def json_paths() -> list[str]:
    """The paths into the raw JSON that some column is made of, sorted."""
    columns = (
        column for table in (RAW_BLOCKS, BLOCK_PROOFS, *DECODED_TABLES) for column in table.columns
    )
    return sorted({s for column in columns for s in column.sources if _table_of(s) is None})


@cache
def column_schema(tables: Sequence[Table]) -> dg.TableSchema:
    """All columns of a layer's tables, with types, constraints and descriptions."""
    columns = [
        _table_column(table, column)
        for table in tables
        for column in (*table.partition_columns, *table.columns)
    ]
    if RAW_BLOCKS in tables:
        columns += [
            dg.TableColumn(path, "JSON", f"`{path}` in the blobs, as received.")
            for path in json_paths()
        ]
    return dg.TableSchema(
        columns=columns,
        constraints=dg.TableConstraints(
            [f"{table.name}: {', '.join(('chain', *table.key))} is unique" for table in tables]
        ),
    )


def column_lineage(chain: Chain, tables: Sequence[Table]) -> dg.TableColumnLineage:
    """For each column of a layer the columns of the assets before it that it is made of."""
    layer = {table.name for table in tables}
    return dg.TableColumnLineage(
        {
            f"{table.name}.{column.name}": [
                dg.TableColumnDep(asset_key=key, column_name=name)
                for key, name in _unique(_origins(chain, column, layer))
            ]
            for table in tables
            for column in table.columns
            if column.sources and table is not RAW_BLOCKS
        }
    )


def _origins(chain: Chain, column: Column, layer: set[str]) -> Iterator[tuple[dg.AssetKey, str]]:
    """Sources of the same layer are followed to where they come from: an asset has no inside."""
    for source in column.sources:
        table = _table_of(source)
        if table is None:
            yield asset_key(chain, RAW), source
        elif table.name in layer:
            yield from _origins(chain, table.column(source.split(".")[1]), layer)
        else:
            yield asset_key(chain, _ASSET_OF_LAYER.get(table.layer, table.name)), source


def _table_of(source: str) -> Table | None:
    return TABLES.get(source.split(".")[0])


def _unique(
    origins: Iterable[tuple[dg.AssetKey, str]],
) -> Iterable[tuple[dg.AssetKey, str]]:
    return dict.fromkeys(origins)


def _table_column(table: Table, column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=f"{table.name}.{column.name}",
        type=SQL_TYPES[column.kind],
        description=column.doc,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )
