"""How far each layer is behind the head: a check that warns and never blocks."""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Iterator

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.errors import ChainAssetsError
from chain_assets.core.schemas import RAW_BLOCKS, TABLES, Table
from chain_assets.core.staleness import Tip, lag_of
from chain_assets.defs.names import LAYERS, asset_key, identifier
from chain_assets.defs.resources import LakeResource, OpsResource, SourcesResource
from chain_assets.lake.tables import LakeTables

CHECK = "lag"


def lag_checks(chain: Chain) -> dg.AssetChecksDefinition:
    """One check a layer: it warns where the layer is behind by more than its freshness window."""

    @dg.multi_asset_check(
        name=f"{identifier(chain)}_lag_checks",
        specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=asset_key(chain, layer),
                description="Blocks, and seconds of chain time, behind the head.",
            )
            for layer in LAYERS
        ],
        # Without it Dagster materializes all layers or none.
        can_subset=True,
    )
    def lag(
        context: dg.AssetCheckExecutionContext,
        lake: LakeResource,
        sources: SourcesResource,
        ops: OpsResource,
    ) -> Iterator[dg.AssetCheckResult]:
        tables = lake.tables()
        asked = {key.asset_key for key in context.selected_asset_check_keys}
        head, why = _head(chain, tables, sources, ops)
        for layer in LAYERS:
            if asset_key(chain, layer) in asked:
                held = newest_block(tables, TABLES[layer], chain.name)
                yield _verdict(chain, layer, held, head, why=why)

    return lag


def _head(
    chain: Chain, tables: LakeTables, sources: SourcesResource, ops: OpsResource
) -> tuple[Tip | None, str]:
    """The chain's head; or None, and why nobody says it."""
    try:
        with ops.open(tables) as store, sources.open(chain, store) as source:
            newest = source.head()
    except ChainAssetsError as error:
        return None, f"{type(error).__name__}: {error}"
    return Tip(newest.number, newest.timestamp), ""


def _verdict(
    chain: Chain, layer: str, held: Tip | None, head: Tip | None, *, why: str
) -> dg.AssetCheckResult:
    passed, metadata = False, dict[str, float]()
    if head is None:
        newest = "no block" if held is None else f"block {held.number}"
        description = f"the newest is {newest}; how far that is behind is not known: {why}"
        metadata = {} if held is None else {"newest_block": held.number}
    elif held is None:
        description = f"holds no block; the head is {head.number}"
        metadata = {"head": head.number}
    else:
        lag = lag_of(held, head=head)
        passed = lag.seconds <= chain.freshness.warn
        description = f"{lag.blocks} blocks, {lag.seconds:.0f} s behind the head"
        metadata = {
            "lag_blocks": lag.blocks,
            "lag_seconds": lag.seconds,
            "head": head.number,
            "newest_block": held.number,
        }
    return dg.AssetCheckResult(
        asset_key=asset_key(chain, layer),
        check_name=CHECK,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


def newest_block(tables: LakeTables, table: Table, chain: str) -> Tip | None:
    """The highest block that `table` holds of the chain, canonical where it tells."""
    files = tables.live_files(table, chain=chain)
    if not files:
        return None
    key = max(file["partition.block_range"] for file in files)
    marks = ["canonical"] if table is RAW_BLOCKS else []
    rows = tables.read(table, columns=["number", "timestamp", *marks], chain=chain, block_range=key)
    newest = max(
        (row for row in rows.to_pylist() if row.get("canonical", True)),
        key=lambda row: row["number"],
        default=None,
    )
    return newest and Tip(newest["number"], newest["timestamp"].timestamp())
