"""Decoded rows with labels, token metadata, and the price as of the block.

    decoded tables ─┐
                    ├─ joins.py    rows by address, by block, by transaction
    labels, tokens ─┤
    prices ─────────┼─ prices.py   the newest price at or before the block, never one after it
                    ├─ amounts.py  whole tokens, exact; USD
                    ├─ fees.py     wei, exact: what transactions paid, what was burned
                    ├─ versions.py what each block was enriched with
                    └─ tables.py   → enriched_token_transfers, _transactions, _blocks

Whatever is unknown is NULL: no row is left out, and nothing is rounded or guessed.
"""

from chain_assets.core.enrich.reference import ReferenceTables, reference_digest
from chain_assets.core.enrich.tables import DecodedRows, decoded_columns, enrich

__all__ = ["DecodedRows", "ReferenceTables", "decoded_columns", "enrich", "reference_digest"]
