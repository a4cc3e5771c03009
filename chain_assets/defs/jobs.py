"""Jobs of a chain: all layers with their checks; and how far they are behind."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from chain_assets.chains import Chain
from chain_assets.defs.assets.reference import reference_keys
from chain_assets.defs.lag import CHECK
from chain_assets.defs.names import identifier, layer_keys, layers_job_name


def layers_job(chain: Chain) -> UnresolvedAssetJobDefinition:
    """Reference rows, then all layers of some ranges, each followed by its checks, then the lag."""
    return dg.define_asset_job(
        layers_job_name(chain),
        selection=dg.AssetSelection.assets(*layer_keys(chain), *reference_keys(chain)),
        description=f"Fetch, decode and enrich block ranges of {chain.name}.",
        tags={"chain": identifier(chain)},
        executor_def=dg.in_process_executor,
    )


def lag_job(chain: Chain) -> UnresolvedAssetJobDefinition:
    """The lag checks alone."""
    return dg.define_asset_job(
        f"{identifier(chain)}_lag",
        selection=dg.AssetSelection.checks(
            *(dg.AssetCheckKey(key, CHECK) for key in layer_keys(chain))
        ),
        description=f"How far the layers of {chain.name} are behind its head.",
        tags={"chain": identifier(chain)},
        executor_def=dg.in_process_executor,
    )
