"""entity_labels, token_metadata, token_prices: reference rows of files into the lake.

The enriched layer reads them from the lake, so that what it was made with stays on record.
"""

from __future__ import annotations

from collections.abc import Callable

from chain_assets.chains import Chain
from chain_assets.core.enrich import ReferenceTables, reference_digest
from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas.reference import ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.lost_files import lost_files
from chain_assets.lake.tables import Commit, LakeTables

_TABLES = (ENTITY_LABELS, TOKEN_METADATA, TOKEN_PRICES)


def stored_reference(chain: str, tables: LakeTables) -> ReferenceTables:
    """The reference rows of a chain as the lake holds them. Raises StorageFailed."""
    try:
        labels, tokens, prices = (tables.read(table, chain=chain) for table in _TABLES)
    except StorageFailed as error:
        if not _is_lost(chain, tables):
            raise
        raise StorageFailed(
            error.what,
            chain=chain,
            todo="The next `run`, `catch-up` or `refresh` writes its rows anew, from your files",
        ) from error
    return ReferenceTables(labels=labels, tokens=tokens, prices=prices)


def materialize_reference(
    chain: Chain,
    reference: ReferenceTables,
    *,
    tables: LakeTables,
    before: Callable[[], None] = lambda: None,
) -> tuple[Commit, ...]:
    """Make the lake's reference tables of `chain` hold `reference`; no commit where they do.

    `before` is called before the first commit, if there is one. What the lake holds may be lost: it
    is written anew then. Raises StorageFailed.
    """
    if _holds(chain.name, tables, reference):
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


def _holds(chain: str, tables: LakeTables, reference: ReferenceTables) -> bool:
    try:
        stored = stored_reference(chain, tables)
    except StorageFailed:
        if _is_lost(chain, tables):
            return False
        raise
    return reference_digest(stored) == reference_digest(reference)


def _is_lost(chain: str, tables: LakeTables) -> bool:
    return any(lost_files(tables, table, {"chain": chain}) for table in _TABLES)
