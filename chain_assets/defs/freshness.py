"""When a layer counts as late and as stale: windows of the chain's own, watched by Dagster."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from chain_assets.chains import Chain


def freshness_policy(chain: Chain) -> dg.FreshnessPolicy:
    """A warning, then a failure, so many seconds after the layer's last materialization.

    Each layer of each chain has one: a chain that stalls shows beside chains that go on.
    """
    return dg.FreshnessPolicy.time_window(
        warn_window=timedelta(seconds=chain.freshness.warn),
        fail_window=timedelta(seconds=chain.freshness.fail),
    )
