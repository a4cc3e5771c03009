"""`block_changes` and `reorgs`: how the canonical chain came to be what it is. Rows only arrive."""

from __future__ import annotations

from chain_assets.core.schemas.columns import Column, Table

BLOCK_CHANGES = Table(
    name="block_changes",
    layer="raw",
    grain="block that became or ceased to be canonical, in the order in which readers apply them",
    key=("sequence",),
    number_column="number",
    columns=(
        Column(
            "sequence",
            "quantity",
            "1, 2, 3, … in each chain, without a gap: a reader goes on after the last one it has.",
        ),
        Column("number", "quantity", "Block number.", ("raw_blocks.number",)),
        Column("hash", "hash", "Block hash.", ("raw_blocks.hash",)),
        Column("change", "quantity", "1: became canonical. -1: ceased to be.", ()),
        Column(
            "reorg_id",
            "text",
            "The reorg that did it, as in `reorgs`; NULL where the chain just grew.",
            nullable=True,
        ),
        Column("run_id", "text", "The run that found it."),
        Column("changed_at", "timestamp", "When it was written."),
    ),
)


def _count(name: str, doc: str) -> Column:
    return Column(name, "quantity", doc, ("raw_blocks.canonical",))


REORGS = Table(
    name="reorgs",
    layer="raw",
    grain="reorganization that was followed",
    key=("reorg_id",),
    number_column="first_number",
    columns=(
        Column("reorg_id", "text", "Digest of the blocks replaced."),
        _count("first_number", "The lowest block replaced."),
        _count("depth", "How many blocks were replaced."),
        _count("old_head_number", "The highest block replaced."),
        Column("old_head_hash", "hash", "Its hash.", ("raw_blocks.hash",)),
        Column(
            "new_head_number",
            "quantity",
            "The highest block in their place; NULL where none was there yet.",
            ("raw_blocks.number",),
            nullable=True,
        ),
        Column("new_head_hash", "hash", "Its hash.", ("raw_blocks.hash",), nullable=True),
        _count("transactions_removed", "Transactions of the blocks replaced."),
        _count("transactions_added", "Transactions of the blocks in their place."),
        _count("logs_removed", "Logs of the blocks replaced, as far as receipts were supplied."),
        _count(
            "logs_added", "Logs of the blocks in their place, as far as receipts were supplied."
        ),
        Column("run_id", "text", "The run that followed it."),
        Column("found_at", "timestamp", "When it was written."),
    ),
)

JOURNAL_TABLES = (BLOCK_CHANGES, REORGS)
