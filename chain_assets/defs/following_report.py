"""A follower's work in Dagster's event log: its ranges are materialized, though no run did it.

The range is opened as a partition first, as the sensor would have done. Freshness, history and the
metadata of a range are then what they are for a run.
"""

from __future__ import annotations

import logging

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.errors import DagsterHomeNotSetError, DagsterInvariantViolationError

from chain_assets.chains import Chain
from chain_assets.core.errors import ConfigError
from chain_assets.defs.assets.layer import DECODED_LAYER, ENRICHED_LAYER, RAW_LAYER, Layer
from chain_assets.defs.metadata import blob_metadata, range_metadata, read_volumes
from chain_assets.defs.names import asset_key
from chain_assets.defs.partitions import open_up_to
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.report import LayerReport

_LAYERS = {"raw": RAW_LAYER, "decoded": DECODED_LAYER, "enriched": ENRICHED_LAYER}
# So that a materialization that no run made can be told from one that a run made.
_TAG = "chain_assets/follower"

_HOME = (
    "Set it to the folder that Dagster's own processes use (`make dagster-home` makes "
    ".dagster_home), or use --no-report"
)

_log = logging.getLogger(__name__)


def open_instance(*, needed: bool) -> dg.DagsterInstance | None:
    """Dagster's instance; None where DAGSTER_HOME is not set and it is not `needed`.

    Raises ConfigError where it is needed, and where DAGSTER_HOME names no folder of that kind.
    """
    try:
        return dg.DagsterInstance.get()
    except DagsterHomeNotSetError:
        if needed:
            raise ConfigError(
                "Dagster cannot be told: DAGSTER_HOME is not set", todo=_HOME
            ) from None
        return None
    except DagsterInvariantViolationError as error:
        what = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        raise ConfigError(f"Dagster cannot be told: {what}", todo=_HOME) from None


class DagsterReport:
    """Tells Dagster what a follower of `chain` did."""

    def __init__(self, chain: Chain, tables: LakeTables, instance: dg.DagsterInstance) -> None:
        self._chain, self._tables, self._instance = chain, tables, instance

    def __call__(self, report: LayerReport) -> None:
        """Log a materialization of the report's range. What is wrong with Dagster is only logged.

        Its event log is where people look, not where the work is kept.
        """
        try:
            open_up_to(self._chain, report.block_range.stop - 1, self._instance)
            self._instance.report_runless_asset_event(self._materialization(report))
        # Dagster's database fails in as many ways as there are databases, and none of them may
        # stop the blocks.
        except Exception as error:  # noqa: BLE001
            _log.warning("Dagster was not told of %s: %s", report.block_range.key, error)

    def _materialization(self, report: LayerReport) -> dg.AssetMaterialization:
        layer: Layer = _LAYERS[report.layer]
        blobs = blob_metadata(self._tables, report) if layer is RAW_LAYER else {}
        metadata = range_metadata(
            report,
            layer=layer.tables,
            tables=self._tables,
            volumes=read_volumes(self._tables, layer.tables, self._chain),
            code_version=layer.code_version,
            blob_bytes=blobs.get("blob_bytes", 0),
        )
        return dg.AssetMaterialization(
            asset_key(self._chain, layer.asset),
            partition=report.block_range.key,
            metadata={**metadata, **blobs},
            tags={DATA_VERSION_TAG: report.data_version, _TAG: "true"},
        )
