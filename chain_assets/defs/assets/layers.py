"""raw_blocks → decoded_blocks → enriched_blocks of one chain, by block range.

Each asset stands for all tables of its layer, which are committed together. The work is in
`chain_assets.layers`; here it is done range by range and shown.
"""

# No `from __future__ import annotations`: Dagster reads the annotations as types.
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.enrich.versions import ENRICHER
from chain_assets.core.schemas import (
    BLOCK_PROOFS,
    DECODED_TABLES,
    ENRICHED_TABLES,
    RAW_BLOCKS,
    Table,
)
from chain_assets.defs.assets.reference import reference_keys
from chain_assets.defs.freshness import freshness_policy
from chain_assets.defs.metadata import contract_metadata, range_metadata, read_volumes
from chain_assets.defs.names import DECODED, ENRICHED, OWNERS, RAW, asset_key, identifier
from chain_assets.defs.partitions import block_ranges, run_ranges
from chain_assets.defs.resources import (
    EngineResource,
    FilesResource,
    LakeResource,
    SourcesResource,
)
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.decode_task import DECODER
from chain_assets.layers.decoded import materialize_decoded
from chain_assets.layers.enriched import materialize_enriched
from chain_assets.layers.raw import materialize_raw
from chain_assets.layers.report import LayerReport

AssetDecorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]
# What raw blobs are made by: they are kept as received, so this changes with their packing only.
FETCHER = "1"
# Columns and lineage are some 50 KB an event, and the same for all ranges: the newest of a run are
# enough, and a backfill of thousands does not fill Dagster's database with them.
_RANGES_WITH_COLUMNS = 50


@dataclass(frozen=True)
class Layer:
    """A layer as an asset. `kind` is what does the work, as Dagster's icons know it."""

    asset: str
    tables: tuple[Table, ...]
    code_version: str
    kind: str
    description: str


RAW_LAYER = Layer(
    RAW,
    (RAW_BLOCKS,),
    FETCHER,
    "json",
    "Blocks with their receipts, as the node answered them: one compressed JSON blob a block, "
    "named by its hash and linked to its parent. The table `raw_blocks` is their index; it holds "
    "both sides of a fork.",
)
DECODED_LAYER = Layer(
    DECODED,
    (BLOCK_PROOFS, *DECODED_TABLES),
    DECODER,
    "spark",
    "Blocks, transactions, logs, events, calls, token transfers and withdrawals with all their "
    "fields and types, decoded from the canonical blobs. A block whose proof fails is held back, "
    "with its reason in `block_proofs`.",
)
ENRICHED_LAYER = Layer(
    ENRICHED,
    ENRICHED_TABLES,
    ENRICHER,
    "spark",
    "Blocks, transactions and token transfers with labels, token symbols and decimals, and the "
    "price as of the block.",
)


@dataclass(frozen=True)
class Setting:
    """What is the same for all assets of a deployment: engine, and where the lake is."""

    spark: bool = True
    s3: bool = False


@dataclass(frozen=True)
class LayerRun:
    """The ranges that a run has done so far, and what is shown of them."""

    context: dg.AssetExecutionContext
    chain: Chain
    layer: Layer
    tables: LakeTables
    reports: list[tuple[LayerReport, dict[str, Any]]] = field(default_factory=list)

    def add(self, report: LayerReport, **more: Any) -> None:
        """Take one more range's report, and entries of its own."""
        self.reports.append((report, more))
        self.context.log.info(
            f"{self.chain.name} {self.layer.asset} {report.block_range.key}: "
            f"{report.blocks} blocks, {report.written} written, {report.removed} removed, "
            f"{len(report.held)} held back"
        )

    def result(self) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Every range with its own metadata, its columns and their lineage.

        Dagster gives all partitions of a run over several the same data version, so only a run
        over one has the digest of its contents: then a repeat leaves what is downstream in sync.
        """
        volumes = read_volumes(self.tables, self.layer.tables, self.chain)
        contract = contract_metadata(self.chain, self.layer.tables)
        for place, (report, more) in enumerate(reversed(self.reports)):
            entries = range_metadata(
                report,
                layer=self.layer.tables,
                tables=self.tables,
                volumes=volumes,
                code_version=self.layer.code_version,
            )
            columns = contract if place < _RANGES_WITH_COLUMNS else {}
            self.context.add_asset_metadata(
                {**entries, **more, **columns}, partition_key=report.block_range.key
            )
        if len(self.reports) > 1:
            return dg.MaterializeResult()
        only, _ = self.reports[0]
        return dg.MaterializeResult(data_version=dg.DataVersion(only.data_version))


def layer_assets(chain: Chain, setting: Setting) -> Sequence[dg.AssetsDefinition]:
    """The three layers of `chain`."""
    return [_raw(chain, setting), _decoded(chain, setting), _enriched(chain, setting)]


def _raw(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    @_layer_asset(chain, RAW_LAYER, setting)
    def raw_blocks(
        context: dg.AssetExecutionContext, lake: LakeResource, sources: SourcesResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        run = LayerRun(context, chain, RAW_LAYER, lake.tables())
        with sources.open(chain) as source:
            head = source.head().number
            for block_range in run_ranges(context):
                # The gaps check asks for all blocks up to this head, not up to a later one.
                wanted = [n for n in block_range.numbers() if chain.start_block <= n <= head]
                report = materialize_raw(
                    chain, block_range, source=source, tables=run.tables, numbers=wanted or None
                )
                run.add(report, head=head)
        return run.result()

    return raw_blocks


def _decoded(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    @_layer_asset(chain, DECODED_LAYER, setting, parents=[asset_key(chain, RAW)])
    def decoded_blocks(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        engine: EngineResource,
        files: FilesResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        worker, registry = engine.open(), files.registry()
        run = LayerRun(context, chain, DECODED_LAYER, lake.tables())
        for block_range in run_ranges(context):
            run.add(
                materialize_decoded(
                    chain, block_range, tables=run.tables, engine=worker, registry=registry
                )
            )
        return run.result()

    return decoded_blocks


def _enriched(chain: Chain, setting: Setting) -> dg.AssetsDefinition:
    parents = [asset_key(chain, DECODED), *reference_keys(chain)]

    @_layer_asset(chain, ENRICHED_LAYER, setting, parents=parents)
    def enriched_blocks(
        context: dg.AssetExecutionContext, lake: LakeResource, engine: EngineResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        worker, run = engine.open(), LayerRun(context, chain, ENRICHED_LAYER, lake.tables())
        for block_range in run_ranges(context):
            run.add(materialize_enriched(chain, block_range, tables=run.tables, engine=worker))
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
