"""raw_blocks → decoded_blocks → enriched_blocks of one chain, by block range.

Each asset stands for all tables of its layer, which are committed together. The work is in
`chain_assets.layers`; here it is done range by range and shown.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.defs.assets.layer import DECODED_LAYER, ENRICHED_LAYER, RAW_LAYER, Layer
from chain_assets.defs.assets.layer_run import LayerRun
from chain_assets.defs.assets.reference import reference_keys
from chain_assets.defs.freshness import freshness_policy
from chain_assets.defs.metadata import blob_metadata, contract_metadata
from chain_assets.defs.names import DECODED, OWNERS, RAW, asset_key, identifier
from chain_assets.defs.partitions import block_ranges, run_ranges
from chain_assets.defs.refresh_run import range_writers
from chain_assets.defs.resources import (
    EngineResource,
    FilesResource,
    LakeResource,
    OpsResource,
    SourcesResource,
)
from chain_assets.defs.writing import existing_spans, run_numbers, run_writer
from chain_assets.layers.permission import permitted_backfill
from chain_assets.layers.pipeline import heal_raw, write_decoded, write_enriched, write_raw
from chain_assets.layers.standing import to_be_done

AssetDecorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]


@dataclass(frozen=True)
class Setting:
    """What is the same for all assets of a deployment: engine, and where the lake is."""

    spark: bool = True
    s3: bool = False


def layer_assets(chain: Chain, setting: Setting) -> Sequence[dg.AssetsDefinition]:
    """The three layers of `chain`."""
    return [_raw(chain, setting), _decoded(chain, setting), _enriched(chain, setting)]


def _raw(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    @_layer_asset(chain, RAW_LAYER, setting)
    def raw_blocks(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        sources: SourcesResource,
        ops: OpsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        tables, ranges = lake.tables(), run_ranges(context, chain)
        with (
            LayerRun(context, chain, RAW_LAYER, tables) as run,
            ops.open(tables) as store,
            sources.open(chain, store) as source,
        ):
            writer, head = run_writer(context, chain, tables, store), source.head().number
            run.show_reorg(heal_raw(chain, source, writer))
            # Following the head is no backfill, however long it was left alone.
            asked = (
                0
                if writer.patient
                else to_be_done(chain, existing_spans(chain, ranges, head=head), tables)
            )
            with permitted_backfill(chain, ranges, store, blocks=asked):
                for block_range in ranges:
                    # The gaps check asks for all blocks up to this head, not up to a later one.
                    numbers = run_numbers(context, block_range, first=chain.start_block, head=head)
                    report = write_raw(chain, block_range, source, writer, numbers=numbers)
                    run.add(report, head=head, **blob_metadata(tables, report))
            return run.result()

    return raw_blocks


def _decoded(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    @_layer_asset(chain, DECODED_LAYER, setting, parents=[asset_key(chain, RAW)])
    def decoded_blocks(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        engine: EngineResource,
        files: FilesResource,
        ops: OpsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        worker, registry, tables = engine.open(), files.registry(), lake.tables()
        with LayerRun(context, chain, DECODED_LAYER, tables) as run, ops.open(tables) as store:
            writer, ranges = run_writer(context, chain, tables, store), run_ranges(context, chain)
            with range_writers(
                context, chain, DECODED_LAYER, ranges, writer, registry
            ) as writer_of:
                for block_range in ranges:
                    own = writer_of(block_range)
                    run.add(write_decoded(chain, block_range, worker, registry, own))
            return run.result()

    return decoded_blocks


def _enriched(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    parents = [asset_key(chain, DECODED), *reference_keys(chain)]

    @_layer_asset(chain, ENRICHED_LAYER, setting, parents=parents)
    def enriched_blocks(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        engine: EngineResource,
        files: FilesResource,
        ops: OpsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        worker, registry, tables = engine.open(), files.registry(), lake.tables()
        with LayerRun(context, chain, ENRICHED_LAYER, tables) as run, ops.open(tables) as store:
            writer, ranges = run_writer(context, chain, tables, store), run_ranges(context, chain)
            with range_writers(
                context, chain, ENRICHED_LAYER, ranges, writer, registry
            ) as writer_of:
                for block_range in ranges:
                    run.add(write_enriched(chain, block_range, worker, writer_of(block_range)))
            return run.result()

    return enriched_blocks


def _layer_asset(
    chain: Chain, layer: Layer, setting: Setting, *, parents: Sequence[dg.AssetKey] = ()
) -> AssetDecorator:
    """`dg.asset` with what all layers of all chains have in common."""
    worker = layer.kind if setting.spark or layer.kind != "spark" else "python"
    decorator: AssetDecorator = dg.asset(
        key=asset_key(chain, layer.asset),
        deps=parents,
        group_name=identifier(chain),
        description=layer.description,
        partitions_def=block_ranges(chain),
        # One run for all ranges of a backfill and for all layers, which then share a session.
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=freshness_policy(chain),
        code_version=layer.code_version,
        kinds={worker, "deltalake", *(["s3"] if setting.s3 else [])},
        owners=OWNERS,
        tags={"chain": identifier(chain), "layer": layer.tables[0].layer},
        metadata={"chain_id": chain.chain_id, **contract_metadata(chain, layer.tables)},
        # With one run a chain at a time no two runs write the same range.
        pool=identifier(chain),
    )
    return decorator
