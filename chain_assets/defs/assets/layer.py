"""The three layers as assets: their tables, the version of what makes them, what a person reads."""

from __future__ import annotations

from dataclasses import dataclass

from chain_assets.core.enrich.versions import ENRICHER
from chain_assets.core.schemas import (
    BLOCK_PROOFS,
    DECODED_TABLES,
    ENRICHED_TABLES,
    RAW_BLOCKS,
    Table,
)
from chain_assets.defs.names import DECODED, ENRICHED, RAW
from chain_assets.layers.decode_task import DECODER

# What raw blobs are made by: they are kept as received, so this changes with their packing only.
FETCHER = "1"


@dataclass(frozen=True)
class Layer:
    """A layer as an asset. The last of `tables` is the one that it is known by, and is committed
    last. `kind` is what does the work, as Dagster's icons know it."""

    asset: str
    tables: tuple[Table, ...]
    code_version: str
    kind: str
    description: str


RAW_LAYER = Layer(
    RAW,
    (RAW_BLOCKS,),
    FETCHER,
    "json",
    "Blocks with their receipts, as the node answered them: one compressed JSON blob a block, "
    "named by its hash and linked to its parent. The table `raw_blocks` is their index; it holds "
    "both sides of a fork.",
)
DECODED_LAYER = Layer(
    DECODED,
    (BLOCK_PROOFS, *DECODED_TABLES),
    DECODER,
    "spark",
    "Blocks, transactions, logs, events, calls, token transfers and withdrawals with all their "
    "fields and types, decoded from the canonical blobs. A block whose proof fails is held back, "
    "with its reason in `block_proofs`.",
)
ENRICHED_LAYER = Layer(
    ENRICHED,
    ENRICHED_TABLES,
    ENRICHER,
    "spark",
    "Blocks, transactions and token transfers with labels, token symbols and decimals, and the "
    "price as of the block.",
)
