"""CSVs of reference rows in a folder, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from chain_assets.core.enrich import ReferenceTables
from chain_assets.lake.reference_files import read_reference

CHAIN = "testchain"
A, B = "0x" + "aB" * 20, "0x" + "cd" * 20
AT = "2024-01-01T00:00:00Z"
HEADERS = {
    "entity_labels": "chain,address,label,source,as_of",
    "token_metadata": "chain,address,symbol,name,decimals,source,as_of",
    "token_prices": "chain,token_address,price_at,price_usd,source,as_of",
}


def write(folder: Path, name: str, *lines: str, header: str | None = None) -> Path:
    """The CSV of reference table `name`."""
    path = folder / f"{name}.csv"
    path.write_text("\n".join([header or HEADERS[name], *lines, ""]), encoding="utf-8")
    return path


def read(folder: Path | None, *, known: Collection[str] | None = None) -> ReferenceTables:
    """What is known of CHAIN."""
    return read_reference(folder, chain=CHAIN, known_chains=known)
