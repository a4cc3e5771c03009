"""entity_labels, token_metadata and token_prices of one chain: small, and replaced as a whole."""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Iterator

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.enrich import reference_digest
from chain_assets.core.schemas import REFERENCE_TABLES, Table
from chain_assets.defs.lineage import column_schema
from chain_assets.defs.names import OWNERS, asset_key, identifier
from chain_assets.defs.resources import (
    FilesResource,
    LakeResource,
    OpsResource,
    SourcesResource,
)
from chain_assets.defs.writing import run_writer
from chain_assets.layers.pipeline import write_reference

_DESCRIPTIONS = {
    "entity_labels": "Who is behind an address.",
    "token_metadata": "Symbols, names and decimals of tokens.",
    "token_prices": "Prices in USD, each with the time from which on it holds.",
}


def reference_keys(chain: Chain) -> list[dg.AssetKey]:
    """The keys of the reference assets."""
    return [asset_key(chain, table.name) for table in REFERENCE_TABLES]


def reference_assets(chain: Chain) -> dg.AssetsDefinition:
    """The three reference tables of `chain`, from shipped files and a person's own."""

    @dg.multi_asset(
        name=f"{identifier(chain)}_reference",
        specs=[_spec(chain, table) for table in REFERENCE_TABLES],
        pool=identifier(chain),
    )
    def reference(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        sources: SourcesResource,
        files: FilesResource,
        ops: OpsResource,
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
        tables = lake.tables()
        with ops.open(tables) as store:
            with sources.open(chain, store) as source:
                rows = files.reference_rows(chain, head=source.head().number)
            written = write_reference(chain, rows, run_writer(context, chain, tables, store))
        commits = {commit.table: commit for commit in written}
        version = dg.DataVersion(reference_digest(rows)[:16])
        for table, held in rows.named():
            changed = table.name in commits
            yield dg.MaterializeResult(
                asset_key=asset_key(chain, table.name),
                data_version=version,
                metadata={
                    "dagster/row_count": held.num_rows,
                    "dagster/uri": tables.uri(table),
                    "dagster/column_schema": column_schema((table,)),
                    "changed": changed,
                    **({"delta_version": commits[table.name].version} if changed else {}),
                },
            )

    return reference


def _spec(chain: Chain, table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=asset_key(chain, table.name),
        group_name=identifier(chain),
        description=_DESCRIPTIONS[table.name],
        kinds={"csv", "deltalake"},
        owners=OWNERS,
        tags={"chain": identifier(chain), "layer": table.layer},
        metadata={"dagster/column_schema": column_schema((table,))},
    )
