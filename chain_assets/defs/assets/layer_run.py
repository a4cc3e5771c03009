"""What a run over some ranges of a layer shows of them in Dagster, while it goes on and at its end.

    add() a range  →  …  →  result()      every range, with its metadata
                      │
                      └→  log_done()      once a minute, and where a range fails: those done so far

Dagster itself logs the materializations of a run's partitions when the whole step is done. A long
backfill that is killed would then show nothing of what it did. So the ranges that are done are
logged in between: those of a run that takes longer than a minute are in the history twice, which
costs some 40 ms a range; a run on the head takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from chain_assets.chains import Chain
from chain_assets.core.errors import ChainAssetsError
from chain_assets.defs.assets.layer import Layer
from chain_assets.defs.metadata import Volumes, contract_metadata, range_metadata, read_volumes
from chain_assets.defs.names import asset_key
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.changes import Reorg
from chain_assets.layers.report import LayerReport

LOG_EVERY_SECONDS = 60.0
# Columns and lineage are some 50 KB an event, and the same for all ranges: the newest of a run are
# enough, and a backfill of thousands does not fill Dagster's database with them.
_RANGES_WITH_COLUMNS = 50


class LayerRun:
    """The ranges that a run has done so far. As a context manager it logs them on an error."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        chain: Chain,
        layer: Layer,
        tables: LakeTables,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tables = tables
        self._context, self._chain, self._layer, self._clock = context, chain, layer, clock
        self._reports: list[tuple[LayerReport, dict[str, Any]]] = []
        self._logged, self._logged_at = 0, clock()
        self._reorg: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        try:
            self.log_done()
        except ChainAssetsError as second:
            # The lake may be what is wrong. The first error is the one to be seen.
            self._context.log.warning(f"the ranges that were done are not shown: {second}")

    def show_reorg(self, reorg: Reorg | None) -> None:
        """Show a reorg that the run has followed with every range of the run."""
        if reorg is None:
            return
        self._context.log.warning(
            f"{self._chain.name}: a reorg of {reorg.depth} blocks from {reorg.first_number} on"
        )
        self._reorg = {
            name: f"0x{value.hex()}" if isinstance(value, bytes) else value
            for name, value in vars(reorg).items()
            if value is not None
        }

    def add(self, report: LayerReport, **more: Any) -> None:
        """Take one more range's report, and entries of its own."""
        self._reports.append((report, more))
        self._context.log.info(
            f"{self._chain.name} {self._layer.asset} {report.block_range.key}: "
            f"{report.blocks} blocks, {report.written} written, {report.removed} removed, "
            f"{len(report.held)} held back"
        )
        if self._clock() - self._logged_at >= LOG_EVERY_SECONDS:
            self.log_done()

    def log_done(self) -> None:
        """Log the ranges that were done since the last time, for all to see."""
        volumes = self._volumes()
        for report, more in self._reports[self._logged :]:
            done = dg.AssetMaterialization(
                asset_key(self._chain, self._layer.asset),
                partition=report.block_range.key,
                metadata=self._metadata(report, more, volumes),
                tags={DATA_VERSION_TAG: report.data_version},
            )
            self._context.log_event(done)
        self._logged, self._logged_at = len(self._reports), self._clock()

    def result(self) -> dg.MaterializeResult:  # type: ignore[type-arg]
        """Every range with its own metadata, its columns and their lineage.

        Dagster gives all partitions of a run over several the same data version, so only a run
        over one has the digest of its contents: then a repeat leaves what is downstream in sync.
        """
        volumes = self._volumes()
        contract = contract_metadata(self._chain, self._layer.tables)
        for place, (report, more) in enumerate(reversed(self._reports)):
            columns = contract if place < _RANGES_WITH_COLUMNS else {}
            self._context.add_asset_metadata(
                {**self._metadata(report, more, volumes), **columns},
                partition_key=report.block_range.key,
            )
        if len(self._reports) > 1:
            return dg.MaterializeResult()
        only, _ = self._reports[0]
        return dg.MaterializeResult(data_version=dg.DataVersion(only.data_version))

    def _volumes(self) -> Volumes:
        return read_volumes(self.tables, self._layer.tables, self._chain)

    def _metadata(
        self, report: LayerReport, more: Mapping[str, Any], volumes: Volumes
    ) -> dict[str, Any]:
        entries = range_metadata(
            report,
            layer=self._layer.tables,
            tables=self.tables,
            volumes=volumes,
            code_version=self._layer.code_version,
            blob_bytes=more.get("blob_bytes", 0),
        )
        return {**entries, **more, **({"reorg": self._reorg} if self._reorg else {})}
