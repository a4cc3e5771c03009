"""Documents that are made from the code are what the code makes."""

from __future__ import annotations

from pathlib import Path

from chain_assets.table_docs import render

DOCS = Path(__file__).parent.parent / "docs"


def test_tables_md_is_what_the_contracts_say() -> None:
    assert (DOCS / "tables.md").read_text("utf-8") == render()
