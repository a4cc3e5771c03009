"""entity_labels, token_metadata, token_prices: reference rows of files into the lake.

The enriched layer reads them from the lake, so that what it was made with stays on record.
"""

from __future__ import annotations

from collections.abc import Callable

from chain_assets.chains import Chain
from chain_assets.core.enrich import ReferenceTables, reference_digest
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.tables import Commit, LakeTables


def stored_reference(chain: str, tables: LakeTables) -> ReferenceTables:
    """The reference rows of a chain as the lake holds them."""
    return ReferenceTables(
        labels=tables.read(ENTITY_LABELS, chain=chain),
        tokens=tables.read(TOKEN_METADATA, chain=chain),
        prices=tables.read(TOKEN_PRICES, chain=chain),
    )


def materialize_reference(
    chain: Chain,
    reference: ReferenceTables,
    *,
    tables: LakeTables,
    before: Callable[[], None] = lambda: None,
) -> tuple[Commit, ...]:
    """Make the lake's reference tables of `chain` hold `reference`; no commit where they do.

    `before` is called before the first commit, if there is one.
    """
    if reference_digest(stored_reference(chain.name, tables)) == reference_digest(reference):
        return ()
    before()
    partition = {"chain": chain.name}
    commits = []
    for table, rows in reference.named():
        file = write_data_file(tables.store, table, rows, partition=partition)
        commits.append(
            tables.replace_blocks(table, [file] if file else [], partition=partition, numbers=None)
        )
    return tuple(commits)
