"""The front door: everything that Dagster shows, by name.

    for each chain                                    for all chains
      reference, raw, decoded, enriched assets          lake, ops, engine, sources, files resources
      checks of each range; the lag                     in-process executor
      jobs of all layers, of the lag, of the upkeep     job of the approvals
      sensor of the head
      schedules: daily, catch-up, lag, compact, tidy

Importing it does nothing: Dagster calls `defs` when it loads the code location.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.config import Settings, load_settings
from chain_assets.defs.approvals_job import approvals_job
from chain_assets.defs.assets.layers import Setting, layer_assets
from chain_assets.defs.assets.reference import reference_assets
from chain_assets.defs.catch_up import catch_up_schedule
from chain_assets.defs.checks import layer_checks
from chain_assets.defs.jobs import lag_job, layers_job
from chain_assets.defs.lag import lag_checks
from chain_assets.defs.names import check_names
from chain_assets.defs.resources import build_resources
from chain_assets.defs.schedules import schedules
from chain_assets.defs.sensors import head_sensor
from chain_assets.defs.upkeep_job import upkeep_job, upkeep_schedules


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the chains that are enabled here."""
    return build_definitions(load_settings())


def build_definitions(settings: Settings) -> dg.Definitions:
    """The definitions of the chains that `settings` enable. Raises ConfigError."""
    chains = [settings.chain(name) for name in settings.enabled]
    check_names(chains)
    with warnings.catch_warnings():
        # Single-run backfills, code references and partitioned checks are beta or preview. That is
        # known (docs/decisions.md pins Dagster for it), and no news at every start.
        for known in (dg.BetaWarning, dg.PreviewWarning):
            warnings.simplefilter("ignore", known)
        return _build(settings, chains)


def _build(settings: Settings, chains: Sequence[Chain]) -> dg.Definitions:
    setting = Setting(spark=settings.engine == "spark", s3=settings.lake.startswith("s3://"))
    shared = dg.Definitions(
        jobs=[approvals_job],
        resources=build_resources(settings),
        # A process a step would cost 25 seconds for three layers that share one Spark session.
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(shared, *(chain_definitions(chain, setting) for chain in chains))


def chain_definitions(chain: Chain, setting: Setting) -> dg.Definitions:
    """All that there is for one chain."""
    layers, lag, upkeep = layers_job(chain), lag_job(chain), upkeep_job(chain)
    return dg.Definitions(
        assets=dg.with_source_code_references(
            [reference_assets(chain), *layer_assets(chain, setting)]
        ),
        asset_checks=[*layer_checks(chain), lag_checks(chain)],
        jobs=[layers, lag, upkeep],
        sensors=[head_sensor(chain, layers)],
        schedules=[
            *schedules(chain, layers=layers, lag=lag),
            catch_up_schedule(chain, layers),
            *upkeep_schedules(chain, upkeep),
        ],
    )
