"""Checks of each layer, one verdict a block range; all but `proofs` block what is downstream.

In a run over several ranges Dagster stores a check's result without its partition. So each range's
verdict is logged as an event of its own, tied to the materialization that it is about; the result
of the step, which blocks what is downstream, is of all ranges together: Dagster runs a step for all
partitions of its run or for none. So one bad range stops the others of its run before the next
layer. The sensor then runs each of them alone (core.attempts), and only the bad one stays behind.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.quality import Violation
from chain_assets.defs.audited import Audited
from chain_assets.defs.audits import AUDITS, DESCRIPTIONS, NOT_BLOCKING
from chain_assets.defs.names import LAYERS, RAW, asset_key, identifier
from chain_assets.defs.partitions import block_ranges, run_ranges
from chain_assets.defs.resources import LakeResource, OpsResource
from chain_assets.lake.tables import LakeTables
from chain_assets.ops.hold_rules import STAGES

_SHOWN = 20  # violations in a check's metadata: enough to see what is wrong


@dataclass(frozen=True)
class Materialized:
    """The latest materialization of a range: what a verdict is about, and the head it saw."""

    target: AssetCheckEvaluationTargetMaterializationData
    head: int | None


def layer_checks(chain: Chain) -> list[dg.AssetChecksDefinition]:
    """The checks of all layers of `chain`."""
    return [_checks_of(chain, layer) for layer in LAYERS]


def _checks_of(chain: Chain, layer: str) -> dg.AssetChecksDefinition:
    key = asset_key(chain, layer)

    @dg.multi_asset_check(
        name=f"{identifier(chain)}_{layer}_checks",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset=key,
                description=DESCRIPTIONS[name],
                blocking=name not in NOT_BLOCKING,
                partitions_def=block_ranges(chain),
            )
            for name in AUDITS[layer]
        ],
        # Without it Dagster does not execute one of them by itself.
        can_subset=True,
        pool=identifier(chain),
    )
    def checks(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, ops: OpsResource
    ) -> Iterator[dg.AssetCheckResult]:
        ranges, tables = run_ranges(context, chain), lake.tables()
        materialized = _latest(context.instance, key, ranges)
        with ops.open(tables) as store:
            waiting: dict[str, frozenset[int]] = {
                stage: frozenset(hold.number for hold in store.holds.find(chain.name, stage=stage))
                for stage in STAGES
            }
        by_check = _audit(chain, layer, tables, ranges, materialized, waiting)
        asked = {each.name for each in context.selected_asset_check_keys}
        for name, found in by_check.items():
            if name not in asked:
                continue
            if len(ranges) > 1:
                _log_each(context, key, name, found, materialized)
            yield _result(key, name, found)

    return checks


def _audit(
    chain: Chain,
    layer: str,
    tables: LakeTables,
    ranges: Sequence[BlockRange],
    materialized: Mapping[str, Materialized],
    waiting: Mapping[str, frozenset[int]],
) -> dict[str, dict[str, list[Violation]]]:
    """By check and range key what is wrong; each table of a range is read once."""
    found: dict[str, dict[str, list[Violation]]] = {name: {} for name in AUDITS[layer]}
    for block_range in ranges:
        seen = materialized.get(block_range.key)
        head = seen.head if seen and layer == RAW else None
        audited = Audited(chain, block_range, tables, head, waiting)
        for name, audit in AUDITS[layer].items():
            found[name][block_range.key] = audit(audited)
    return found


def _log_each(
    context: dg.AssetCheckExecutionContext,
    key: dg.AssetKey,
    name: str,
    found: Mapping[str, list[Violation]],
    materialized: Mapping[str, Materialized],
) -> None:
    for partition, violations in found.items():
        seen = materialized.get(partition)
        context.op_execution_context.log_event(
            # Dagster takes this event too, though its annotation does not name it.
            dg.AssetCheckEvaluation(  # type: ignore[arg-type]
                asset_key=key,
                check_name=name,
                passed=not violations,
                partition=partition,
                severity=dg.AssetCheckSeverity.ERROR,
                description=summary(violations),
                metadata=_metadata(violations),
                blocking=name not in NOT_BLOCKING,
                # Without it Dagster takes the verdict for one about an older materialization.
                target_materialization_data=seen.target if seen else None,
            )
        )


def _result(
    key: dg.AssetKey, name: str, found: Mapping[str, list[Violation]]
) -> dg.AssetCheckResult:
    violations = [violation for of_range in found.values() for violation in of_range]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not violations,
        severity=dg.AssetCheckSeverity.ERROR,
        description=summary(violations),
        metadata=_metadata(violations),
    )


def summary(violations: Sequence[Violation]) -> str:
    """What is wrong, in a line."""
    if not violations:
        return "all blocks are as they should be"
    first = violations[0]
    more = f", and {len(violations) - 1} more" if len(violations) > 1 else ""
    return f"{first.table}, block {first.block}: {first.what}{more}"


def _metadata(violations: Sequence[Violation]) -> dict[str, dg.MetadataValue | int]:
    metadata: dict[str, dg.MetadataValue | int] = {"violations": len(violations)}
    if violations:
        metadata["blocks"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"table": v.table, "block": v.block, "what": v.what})
                for v in violations[:_SHOWN]
            ],
            schema=dg.TableSchema(
                [dg.TableColumn("table"), dg.TableColumn("block", "int"), dg.TableColumn("what")]
            ),
        )
    return metadata


def _latest(
    instance: dg.DagsterInstance, key: dg.AssetKey, ranges: Sequence[BlockRange]
) -> dict[str, Materialized]:
    """The latest materialization of each range, in two queries however many ranges there are."""
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, {r.key for r in ranges}
    )
    if not ids:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, storage_ids=list(ids.values())), limit=len(ids)
    ).records
    return {
        record.partition_key: Materialized(
            AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            ),
            _head(record.asset_materialization),
        )
        for record in records
        if record.partition_key is not None
    }


def _head(materialization: dg.AssetMaterialization | None) -> int | None:
    value = materialization.metadata.get("head") if materialization else None
    return value.value if isinstance(value, dg.IntMetadataValue) else None
