"""What a materialization shows of a range: rows, bytes, seconds, versions, schema, lineage.

Plain numbers are entries of their own, because Dagster draws those over time. Dagster's own row
count and URI are of one table, the layer's last, by which its asset is known; `rows` is of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from chain_assets.chains import Chain
from chain_assets.core.schemas import RAW_BLOCKS, Table
from chain_assets.defs.lineage import column_lineage, column_schema
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.report import HeldBlock, LayerReport

Metadata = Mapping[str, Any]
_SHOWN = 20  # held blocks in the metadata: enough to see what is wrong


@dataclass
class Volume:
    """Rows and bytes of live files."""

    rows: int = 0
    size: int = 0


@dataclass(frozen=True)
class Volumes:
    """What a chain's live files hold: by table and range key, read from Delta's log once a run."""

    by_range: Mapping[tuple[str, str], Volume] = field(default_factory=dict)

    def rows(self, table: Table, key: str) -> int:
        """Rows of the range."""
        return self.by_range.get((table.name, key), Volume()).rows

    def size(self, table: Table, key: str) -> int:
        """Bytes of the range."""
        return self.by_range.get((table.name, key), Volume()).size

    def rows_of_all(self, table: Table) -> int:
        """Rows of all ranges."""
        return sum(v.rows for (name, _), v in self.by_range.items() if name == table.name)


def read_volumes(tables: LakeTables, layer: Sequence[Table], chain: Chain) -> Volumes:
    """Rows and bytes of the chain in the tables of `layer`."""
    found: dict[tuple[str, str], Volume] = {}
    for table in layer:
        for file in tables.live_files(table, chain=chain.name):
            volume = found.setdefault((table.name, file["partition.block_range"]), Volume())
            volume.rows += file["num_records"]
            volume.size += file["size_bytes"]
    return Volumes(found)


def range_metadata(
    report: LayerReport,
    *,
    layer: Sequence[Table],
    tables: LakeTables,
    volumes: Volumes,
    code_version: str,
    blob_bytes: int = 0,
) -> Metadata:
    """The entries of one range. The last table of `layer` is the one that the asset is known by.

    `bytes` are all that the layer holds of it: Parquet files and, of raw blocks, their blobs.
    """
    key, known_by = report.block_range.key, layer[-1]
    rows = {table.name: volumes.rows(table, key) for table in layer}
    entries: dict[str, Any] = {
        "dagster/partition_row_count": rows[known_by.name],
        "dagster/row_count": volumes.rows_of_all(known_by),
        "dagster/uri": tables.uri(known_by),
        "blocks": report.blocks,
        "blocks_written": report.written,
        "blocks_removed": report.removed,
        "blocks_held": len(report.held),
        "rows": sum(rows.values()),
        "seconds": round(report.seconds, 3),
        "blocks_per_second": round(report.written / report.seconds, 1) if report.seconds else 0.0,
        "bytes": sum(volumes.size(table, key) for table in layer) + blob_bytes,
        "bytes_read": report.bytes_read,
        "bytes_written": report.bytes_added,
        "added_rows": {commit.table: commit.rows_added for commit in report.commits},
        "removed_rows": {commit.table: commit.rows_removed for commit in report.commits},
        "delta_versions": {commit.table: commit.version for commit in report.commits},
        "tables": _tables(layer, key, tables=tables, volumes=volumes),
        "data_version": report.data_version,
        "code_version": code_version,
        **{f"rows_{name}": count for name, count in rows.items()},
    }
    if report.unknown_fields:
        entries["unknown_fields"] = unknown_fields(report.unknown_fields)
    if report.held:
        entries["held"] = held_blocks(report.held)
    return entries


def blob_metadata(tables: LakeTables, report: LayerReport) -> Metadata:
    """Number and bytes of the range's blobs, those of blocks that were replaced included."""
    rows = tables.read(
        RAW_BLOCKS,
        columns=["size_bytes"],
        chain=report.chain,
        block_range=report.block_range.key,
    )
    return {"blobs": rows.num_rows, "blob_bytes": sum(rows["size_bytes"].to_pylist())}


def contract_metadata(chain: Chain, layer: Sequence[Table]) -> Metadata:
    """The columns of a layer, and what they are made of."""
    return {
        "dagster/column_schema": column_schema(tuple(layer)),
        "dagster/column_lineage": column_lineage(chain, layer),
    }


def held_blocks(held: Sequence[HeldBlock]) -> dg.TableMetadataValue:
    """Blocks that were held back, and why; the first of them where there are many."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"block": block.number, "reason": block.reason})
            for block in held[:_SHOWN]
        ],
        schema=dg.TableSchema([dg.TableColumn("block", "int"), dg.TableColumn("reason")]),
    )


def unknown_fields(counts: Counter[str]) -> dg.TableMetadataValue:
    """JSON fields that no column holds, and how often each was there."""
    return dg.MetadataValue.table(
        [dg.TableRecord({"path": path, "times": times}) for path, times in sorted(counts.items())],
        schema=dg.TableSchema([dg.TableColumn("path"), dg.TableColumn("times", "int")]),
    )


def _tables(
    layer: Sequence[Table], key: str, *, tables: LakeTables, volumes: Volumes
) -> dg.TableMetadataValue:
    rows: list[dict[str, str | int | float | bool | None]] = [
        {
            "table": table.name,
            "rows": volumes.rows(table, key),
            "bytes": volumes.size(table, key),
            "uri": tables.uri(table),
        }
        for table in layer
    ]
    columns = [
        dg.TableColumn("table"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("uri"),
    ]
    return dg.MetadataValue.table(
        [dg.TableRecord(row) for row in rows], schema=dg.TableSchema(columns)
    )
