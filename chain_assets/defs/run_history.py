"""What Dagster's history tells about a chain's runs: whether one is under way, and which failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from chain_assets.chains import Chain
from chain_assets.core.attempts import REMEMBERED_SECONDS, Attempts, FailedRun, failures_by_range
from chain_assets.core.block_range import NUMBER_LIMIT, BlockRange, ranges_between
from chain_assets.defs.names import ENRICHED, asset_key, identifier, layer_keys, layers_job_name
from chain_assets.defs.partitions import RANGE_END, RANGE_START
from chain_assets.defs.writing import is_refresh

# The newest failures of a day: with their rests a chain has a few dozen, if all goes wrong.
_MOST_READ = 200
# Seconds from a run's making to its place in the queue: it takes less than one.
_QUEUED_WITHIN = 300.0
_ALL_BLOCKS = BlockRange(0, NUMBER_LIMIT)


def run_in_progress(chain: Chain, instance: dg.DagsterInstance, *, now: float) -> bool:
    """Whether a run that writes this chain is queued or under way, whoever asked for it."""
    return bool(_under_way(chain, instance, now))


@dataclass(frozen=True)
class UnderWay:
    """How many more runs of a chain may begin now; the blocks of those that are queued or have
    begun, and their tags."""

    slots: int
    spans: Sequence[BlockRange]
    tags: Sequence[Mapping[str, str]]

    def meets(self, ranges: Sequence[BlockRange]) -> bool:
        """Whether any of them is about blocks of `ranges`."""
        return any(span.intersection(r) for span in self.spans for r in ranges)

    def hinders(self, ranges: Sequence[BlockRange]) -> bool:
        """Whether a run over `ranges` has to wait."""
        return self.slots < 1 or self.meets(ranges)


def read_under_way(chain: Chain, instance: dg.DagsterInstance, *, now: float) -> UnderWay:
    """The chain's runs that are queued or under way `now` (Unix seconds), beside how many its pool
    allows at once."""
    runs = _under_way(chain, instance, now)
    # A run that does not say what it is about may be about anything.
    spans = [_span(run.tags) or _ALL_BLOCKS for run in runs]
    slots = _most_at_once(chain, instance) - len(runs)
    return UnderWay(slots, spans, [run.tags for run in runs])


def _under_way(chain: Chain, instance: dg.DagsterInstance, now: float) -> list[dg.DagsterRun]:
    keys = set(layer_keys(chain))
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
    return [
        record.dagster_run
        for record in records
        if not _was_left(record, now)
        and (
            record.dagster_run.job_name == layers_job_name(chain)
            or keys & set(record.dagster_run.asset_selection or ())
        )
    ]


def _was_left(record: dg.RunRecord, now: float) -> bool:
    """Whether the run was made and never put into the queue, as who was to do so was killed or met
    an error: it waits for nobody, and would keep the chain waiting for ever."""
    age = now - record.create_timestamp.timestamp()
    not_queued = record.dagster_run.status is dg.DagsterRunStatus.NOT_STARTED
    return not_queued and age > _QUEUED_WITHIN


def _most_at_once(chain: Chain, instance: dg.DagsterInstance) -> int:
    """The limit of the chain's pool; 1 where nobody has set one."""
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    default = instance.get_concurrency_config().pool_config.default_pool_limit
    return limits.get(identifier(chain), 1 if default is None else default)


def read_attempts(chain: Chain, instance: dg.DagsterInstance, *, now: float) -> Attempts:
    """The ranges whose runs failed in the last day (until `now`, Unix seconds) and were not made
    good since, by whatever run. A canceled run is a person's will, and no failure; one that
    refreshes is a person's errand: it says little of whether new blocks come through."""
    failed = _failed_runs(chain, instance, now)
    ranges = {
        block_range
        for run in failed
        for block_range in ranges_between(run.span.start, run.span.stop - 1, chain.ranges)
    }
    made_good = _made_good(chain, instance, [block_range.key for block_range in ranges])
    return Attempts(failures_by_range(failed, sorted(ranges), made_good=made_good), now)


def _failed_runs(chain: Chain, instance: dg.DagsterInstance, now: float) -> list[FailedRun]:
    records = instance.get_run_records(
        filters=dg.RunsFilter(
            job_name=layers_job_name(chain),
            statuses=[dg.DagsterRunStatus.FAILURE],
            created_after=datetime.fromtimestamp(now - REMEMBERED_SECONDS, UTC),
        ),
        limit=_MOST_READ,
    )
    spans = [
        (_span(record.dagster_run.tags), record)
        for record in records
        if not is_refresh(record.dagster_run.tags)
    ]
    return [
        FailedRun(span, record.end_time or record.create_timestamp.timestamp())
        for span, record in spans
        if span is not None
    ]


def span_of_run(run: dg.DagsterRun) -> BlockRange | None:
    """The blocks that a run is about; None for one that names no range, or a text that is none."""
    return _span(run.tags)


def _span(tags: Mapping[str, str]) -> BlockRange | None:
    first = tags.get(RANGE_START) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(RANGE_END) or tags.get(PARTITION_NAME_TAG)
    if first is None or last is None:
        return None
    try:
        return BlockRange(BlockRange.from_key(first).start, BlockRange.from_key(last).stop)
    except ValueError:
        return None


def _made_good(chain: Chain, instance: dg.DagsterInstance, keys: Sequence[str]) -> dict[str, float]:
    """When the last layer of each range was last materialized (Unix seconds)."""
    if not keys:
        return {}
    last_layer = asset_key(chain, ENRICHED)
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        last_layer, dg.DagsterEventType.ASSET_MATERIALIZATION, set(keys)
    )
    if not ids:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=last_layer, storage_ids=list(ids.values())), limit=len(ids)
    ).records
    return {r.partition_key: r.timestamp for r in records if r.partition_key is not None}
