"""A small Dagster deployment for tests: one chain, a lake of its own, an instance of its own.

The chain's source is a node: a devnet behind JSON-RPC on this machine, whose head and forks the
test moves. The definitions are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation

from chain_assets.assembly import open_lake
from chain_assets.chains import Chain, Freshness
from chain_assets.config import Settings
from chain_assets.core.block_range import BlockRange, Delimiter, ranges_between
from chain_assets.core.schemas import TABLES, Table
from chain_assets.definitions import build_definitions
from chain_assets.defs.jobs import layers_job
from chain_assets.defs.names import asset_key, layers_job_name, partitions_name
from chain_assets.defs.partitions import range_tags, registered_keys
from chain_assets.defs.resources import SourcesResource, build_resources
from chain_assets.defs.sensors import head_sensor
from chain_assets.lake.tables import LakeTables
from chain_assets.sources.devnet import Devnet, DevnetSpec, serve

URL_VARIABLE = "LAB_RPC_URL"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# A name with a '-', which Dagster's own names must not have.
CHAIN = Chain(
    name="lab-net",
    chain_id=1337,
    native_symbol="LAB",
    source="rpc",
    ranges=(Delimiter(0, 10),),
    block_time_seconds=12.0,
    finality=8,
    max_reorg_depth=8,
    proof_rules="ethereum",
    rpc_url_env=(URL_VARIABLE,),
    freshness=Freshness(warn=60, fail=120),
    follow=True,
)


@dataclass(frozen=True)
class Site:
    """A deployment of one chain, whatever node is behind it."""

    chain: Chain
    settings: Settings
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    @property
    def tables(self) -> LakeTables:
        """The lake's tables."""
        return open_lake(self.settings)

    def key(self, table: str) -> dg.AssetKey:
        """The asset that stands for `table`."""
        return asset_key(self.chain, table)

    def open_ranges(self) -> list[str]:
        """Open all ranges up to the head; returns the keys of all that are open."""
        with SourcesResource().open(self.chain) as source:
            ranges = ranges_between(0, source.head().number, self.chain.ranges)
        self.instance.add_dynamic_partitions(partitions_name(self.chain), [r.key for r in ranges])
        return registered_keys(self.chain, self.instance)

    def run(self, *keys: str) -> dg.ExecuteInProcessResult:
        """The job of all layers, from the first range to the last one named."""
        ranges = [BlockRange.from_key(key) for key in keys]
        return self.run_tagged(range_tags(ranges))

    def run_tagged(self, tags: Mapping[str, str]) -> dg.ExecuteInProcessResult:
        """The job of all layers, as a run request with these tags would start it."""
        job = self.definitions.resolve_job_def(layers_job_name(self.chain))
        partition = tags.get("dagster/partition")
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags={name: value for name, value in tags.items() if name != "dagster/partition"},
            partition_key=partition,
            run_config=QUIET,
        )

    def run_request(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """The run that a sensor or a schedule asks for."""
        tags = dict(request.tags)
        if request.partition_key:
            tags["dagster/partition"] = request.partition_key
        return self.run_tagged(tags)

    def materializations(self, table: str) -> dict[str, dg.AssetMaterialization]:
        """The latest materialization of each range of the layer."""
        latest: dict[str, dg.AssetMaterialization] = {}
        for record in self.instance.fetch_materializations(self.key(table), limit=1000).records:
            found = record.asset_materialization
            assert found is not None
            latest.setdefault(record.partition_key or "", found)
        return latest

    def verdicts(self, table: str, check: str) -> dict[str | None, bool]:
        """The latest verdict of a check, by range; None stands for a run over several."""
        records = self.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(self.key(table), check), limit=1000
        )
        found: dict[str | None, bool] = {}
        for record in records:
            if record.event is not None and record.event.dagster_event is not None:
                data = record.event.dagster_event.event_specific_data
                # A check whose step never ran is on record as planned: that is no verdict.
                if isinstance(data, AssetCheckEvaluation):
                    found.setdefault(data.partition, data.passed)
        return found

    def versions(self) -> dict[str, int]:
        """The Delta version of each table that is there."""
        tables = self.tables
        opened = {name: tables.open(table) for name, table in TABLES.items()}
        return {name: delta.version() for name, delta in opened.items() if delta is not None}

    def numbers(self, table: Table) -> list[int]:
        """The block numbers of the table's rows, ascending."""
        rows = self.tables.read(table, columns=[table.number_column], chain=self.chain.name)
        return sorted(rows[table.number_column].to_pylist())

    def sensor_tick(
        self, *, later: float = 0.0, resources: Mapping[str, Any] = MappingProxyType({})
    ) -> dg.SensorResult:
        """One evaluation of the chain's sensor, `later` seconds from now, some `resources` being
        others; the partitions that it opens are opened."""
        sensor = head_sensor(self.chain, layers_job(self.chain), clock=lambda: time.time() + later)
        with dg.build_sensor_context(
            instance=self.instance, resources={**build_resources(self.settings), **resources}
        ) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or ():
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        return result

    def follow(self) -> list[dg.RunRequest]:
        """Ticks and the runs they ask for, until a tick asks for nothing."""
        done: list[dg.RunRequest] = []
        while requests := self.sensor_tick().run_requests:
            for request in requests:
                result = self.run_request(request)
                assert result.success, failure_of(result)
                done.append(request)
        return done


@dataclass(frozen=True)
class Lab(Site):
    """A deployment whose node is a devnet that the test moves."""

    devnet: Devnet


def lab_settings(chain: Chain, lake: Path, engine: Literal["spark", "local"]) -> Settings:
    """Settings of one chain."""
    return Settings(
        chains={chain.name: chain},
        enabled=(chain.name,),
        lake=str(lake),
        engine=engine,
        spark_master="local[2]",
    )


@contextmanager
def open_lab(
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    chain: Chain = CHAIN,
    blocks: int = 25,
    engine: Literal["spark", "local"] = "local",
    settings: Settings | None = None,
    on_disk: bool = False,
) -> Iterator[Lab]:
    """A deployment whose chain has `blocks` blocks; Dagster's history is in memory, or on disk."""
    spec = DevnetSpec(
        seed=7,
        chain=chain.name,
        chain_id=chain.chain_id,
        transactions_per_block=3,
        blocks=blocks,
        finality_depth=chain.finality or 0,
    )
    devnet = Devnet(spec)
    settings = settings or lab_settings(chain, folder / "lake", engine)
    history = (
        dg.DagsterInstance.local_temp(str(folder)) if on_disk else dg.DagsterInstance.ephemeral()
    )
    with serve(devnet) as url, history as instance:
        patch.setenv(URL_VARIABLE, url)
        yield Lab(chain, settings, instance, build_definitions(settings), devnet)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """The text of the errors of the steps that failed."""
    failed = [event for event in result.all_events if event.is_step_failure]
    return "\n".join(
        event.step_failure_data.error.to_string()
        for event in failed
        if event.step_failure_data.error is not None
    )
