"""Every table's contract, once: columns, types, nullability, where each value comes from, and why.

Everything else is derived from here: the JSON decoder's column list, the Delta schemas, the column
schema and lineage that Dagster shows, and docs/tables.md.
"""

from chain_assets.core.schemas.columns import UNFINISHED, Column, Table
from chain_assets.core.schemas.decoded import DECODED_TABLES
from chain_assets.core.schemas.enriched import ENRICHED_TABLES
from chain_assets.core.schemas.journal import BLOCK_CHANGES, JOURNAL_TABLES, REORGS
from chain_assets.core.schemas.proofs import BLOCK_PROOFS
from chain_assets.core.schemas.raw import RAW_BLOCKS
from chain_assets.core.schemas.reference import REFERENCE_TABLES

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        RAW_BLOCKS,
        *JOURNAL_TABLES,
        BLOCK_PROOFS,
        *DECODED_TABLES,
        *ENRICHED_TABLES,
        *REFERENCE_TABLES,
    )
}

__all__ = [
    "BLOCK_CHANGES",
    "BLOCK_PROOFS",
    "DECODED_TABLES",
    "ENRICHED_TABLES",
    "JOURNAL_TABLES",
    "RAW_BLOCKS",
    "REFERENCE_TABLES",
    "REORGS",
    "TABLES",
    "UNFINISHED",
    "Column",
    "Table",
]
