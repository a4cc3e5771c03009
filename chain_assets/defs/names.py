"""What a chain is called in Dagster.

Dagster's groups, jobs, pools and operations take letters, digits and `_` only; a chain's name may
have a `-`. All names of a chain come from here, so that `devnet-fast` is `devnet_fast` everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.errors import ConfigError

# The table by which each layer is known: its asset stands for all tables of the layer.
RAW, DECODED, ENRICHED = "raw_blocks", "decoded_blocks", "enriched_blocks"
LAYERS = (RAW, DECODED, ENRICHED)
OWNERS = ["team:chain_data"]


def identifier(chain: Chain) -> str:
    """The chain's group, asset key prefix and pool, and the stem of its other names."""
    return chain.name.replace("-", "_")


def asset_key(chain: Chain, table: str) -> dg.AssetKey:
    """The key of the asset that stands for `table`."""
    return dg.AssetKey([identifier(chain), table])


def layer_keys(chain: Chain) -> list[dg.AssetKey]:
    """The keys of the three layers."""
    return [asset_key(chain, layer) for layer in LAYERS]


def partitions_name(chain: Chain) -> str:
    """The name under which Dagster keeps the chain's ranges."""
    return f"{identifier(chain)}_blocks"


def layers_job_name(chain: Chain) -> str:
    """The job that makes all layers."""
    return f"{identifier(chain)}_layers"


def check_names(chains: Iterable[Chain]) -> None:
    """Raise ConfigError where two chains would get the same names."""
    seen: dict[str, str] = {}
    for chain in chains:
        other = seen.setdefault(identifier(chain), chain.name)
        if other != chain.name:
            raise ConfigError(
                f"Dagster cannot tell it from {other!r}: both would be {identifier(chain)!r}",
                chain=chain.name,
                todo="Rename one of them in chains.toml",
            )
