"""`raw_blocks`: the index of the raw blobs."""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Table

RAW_BLOCKS = Table(
    name="raw_blocks",
    layer="raw",
    grain="block seen, both sides of a fork",
    key=("number", "hash"),
    number_column="number",
    columns=(
        Column("number", "quantity", "Block number.", ("block.number",)),
        Column("hash", "hash", "Block hash.", ("block.hash",)),
        Column("parent_hash", "hash", "Hash of the parent.", ("block.parentHash",)),
        Column("timestamp", "timestamp", "When the block was made.", ("block.timestamp",)),
        Column("canonical", "bool", "Whether the block is on the canonical chain, as last seen."),
        Column("uri", "text", "The blob's path, relative to the lake."),
        Column("size_bytes", "quantity", "Size of the blob, compressed."),
        Column("sha256", "hash", "SHA-256 of the blob as stored: damage at rest is noticed."),
        Column(
            "transaction_count", "quantity", "Transactions in the block.", ("block.transactions",)
        ),
        Column(
            "log_count",
            "quantity",
            "Logs in the receipts; NULL where the source supplied no receipts.",
            ("receipt.logs",),
            nullable=True,
        ),
        Column("source", "text", "Which provider answered, without its secrets."),
        Column("fetched_at", "timestamp", "When it answered."),
    ),
)
