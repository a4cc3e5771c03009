"""When a layer counts as late and as stale: windows of the chain's own, watched by Dagster."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from chain_assets.chains import Chain


def freshness_policy(chain: Chain) -> dg.FreshnessPolicy | None:
    """A warning, then a failure, so many seconds after the layer's last materialization.

    Each layer of each chain has one: a chain that stalls shows beside chains that go on. None for a
    chain whose head does not move: once it is filled nothing is materialized, and nothing is late.
    """
    if not head_moves(chain):
        return None
    return dg.FreshnessPolicy.time_window(
        warn_window=timedelta(seconds=chain.freshness.warn),
        fail_window=timedelta(seconds=chain.freshness.fail),
    )


def head_moves(chain: Chain) -> bool:
    """Whether the chain gets new blocks by itself: not a recording, nor a made-up chain of so many
    blocks."""
    if chain.source == "devnet":
        return chain.devnet is not None and chain.devnet.genesis is not None
    return chain.source == "rpc"
