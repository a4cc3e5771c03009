"""enriched_*: decoded rows joined with labels, tokens and prices, by tasks that an engine runs.

    decoded_blocks + reference rows  ─ want ┐
    enriched_blocks                  ─ have ┴→ plan → tasks → engine → Parquet files
                                                        └─→ one commit a table, enriched_blocks last

Reference rows are small and go to every worker with the task's context: a broadcast join. Decoded
rows are read by the workers from the live files of the decoded tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich import DecodedRows, ReferenceTables, enrich
from chain_assets.core.enrich.versions import enricher_versions
from chain_assets.core.errors import CommitConflict
from chain_assets.core.packing import pack
from chain_assets.core.reconcile import reconcile
from chain_assets.core.schemas import ENRICHED_TABLES, Table
from chain_assets.core.schemas.abi import CALLS, TOKEN_TRANSFERS
from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.engine.protocol import Engine
from chain_assets.lake.data_files import DataFile, read_data_file, write_data_file
from chain_assets.lake.storage import ObjectStore, Storage, open_store
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import commit_layer
from chain_assets.layers.reference import stored_reference
from chain_assets.layers.report import LayerReport, Progress, no_progress

_INPUTS = (BLOCKS, TRANSACTIONS, CALLS, TOKEN_TRANSFERS)
_TARGET_BYTES = 64 * 1024 * 1024
_LEAST_BLOCKS = 200
# About what a row of the inputs takes in memory: tasks are packed by it.
_ROW_BYTES = 1_000


@dataclass(frozen=True)
class EnrichContext:
    """What all tasks of a range share; it crosses to the workers.

    `files` are the live files of the decoded tables, by table.
    """

    chain: Chain
    block_range: str
    storage: Storage
    reference: ReferenceTables
    files: Mapping[str, tuple[str, ...]]

    @property
    def partition(self) -> dict[str, str]:
        """The Delta partition of all files read and written."""
        return {"chain": self.chain.name, "block_range": self.block_range}


@dataclass(frozen=True)
class BlockToEnrich:
    """A block, and about how many bytes its rows take."""

    number: int
    size_bytes: int


@dataclass(frozen=True)
class EnrichResult:
    """What a task wrote."""

    files: tuple[DataFile, ...]
    blocks: int
    bytes_read: int


def materialize_enriched(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    engine: Engine,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make the enriched tables hold exactly the decoded blocks of the range.

    A missing label, token or price is a NULL, and the block is made anew when it has arrived in
    the lake's reference tables. Raises StorageFailed, CommitConflict.
    """
    started = clock()
    # Before the decoded blocks: what another run adds in between is not to be removed.
    have = _have(tables, chain, block_range)
    context = _context(chain, block_range, tables)
    decoded = _decoded_blocks(tables, context)
    plan = reconcile({n: block["identity"] for n, block in decoded.items()}, have)
    results = _run(context, [decoded[n]["task"] for n in plan.write], engine, progress)
    commits = commit_layer(
        tables, ENRICHED_TABLES, [f for r in results for f in r.files], context.partition, plan
    )
    identities = repr([block["identity"] for _, block in sorted(decoded.items())])
    return LayerReport(
        layer="enriched",
        chain=chain.name,
        block_range=block_range,
        blocks=len(decoded),
        written=len(plan.write),
        removed=len(plan.remove),
        commits=commits,
        bytes_read=sum(r.bytes_read for r in results),
        seconds=clock() - started,
        data_version=sha256(identities.encode()).hexdigest()[:16],
    )


def _context(chain: Chain, block_range: BlockRange, tables: LakeTables) -> EnrichContext:
    partition = {"chain": chain.name, "block_range": block_range.key}
    return EnrichContext(
        chain=chain,
        block_range=block_range.key,
        storage=tables.storage,
        reference=stored_reference(chain.name, tables),
        files={
            table.name: tuple(file["path"] for file in tables.live_files(table, **partition))
            for table in _INPUTS
        },
    )


def _decoded_blocks(tables: LakeTables, context: EnrichContext) -> dict[int, dict[str, Any]]:
    """By number: the identity of the block as it should be enriched, and the task's part of it."""
    columns = ["number", "hash", "timestamp", "transaction_count", "log_count"]
    rows = tables.read(
        BLOCKS, columns=[*columns, "raw_sha256", "decoder_version"], **context.partition
    )
    versions = enricher_versions(
        rows["timestamp"].combine_chunks(),
        context.reference,
        max_price_age=context.chain.max_price_age,
    )
    return {
        row["number"]: {
            "identity": (row["hash"], row["raw_sha256"], row["decoder_version"], version),
            "task": BlockToEnrich(
                row["number"],
                _ROW_BYTES * (1 + row["transaction_count"] + (row["log_count"] or 0)),
            ),
        }
        for row, version in zip(rows.to_pylist(), versions, strict=True)
    }


def _have(
    tables: LakeTables, chain: Chain, block_range: BlockRange
) -> dict[int, tuple[bytes, bytes, str, str]]:
    identity = ["hash", "raw_sha256", "decoder_version", "enricher_version"]
    partition = {"chain": chain.name, "block_range": block_range.key}
    rows = tables.read(ENRICHED_BLOCKS, columns=["number", *identity], **partition)
    return {row["number"]: tuple(row[name] for name in identity) for row in rows.to_pylist()}


def _run(
    context: EnrichContext, blocks: Sequence[BlockToEnrich], engine: Engine, progress: Progress
) -> list[EnrichResult]:
    if not blocks:
        return []
    tasks = pack(
        blocks,
        parallelism=engine.parallelism,
        target_bytes=_TARGET_BYTES,
        least_items=_LEAST_BLOCKS,
    )
    results = []
    for result in engine.map(partial(enrich_task, context), tasks):
        progress(result.blocks)
        results.append(result)
    return results


def enrich_task(context: EnrichContext, blocks: Sequence[BlockToEnrich]) -> EnrichResult:
    """Read, enrich and write the blocks of one task. Runs on a worker.

    Raises StorageFailed, and CommitConflict where another run is changing the decoded tables.
    """
    store = open_store(context.storage)
    numbers = pa.array([block.number for block in blocks], pa.int64())
    inputs = {table.name: _read(store, context, table, numbers) for table in _INPUTS}
    _check_whole(context, blocks, inputs)
    rows = DecodedRows(
        blocks=inputs[BLOCKS.name],
        transactions=inputs[TRANSACTIONS.name],
        calls=inputs[CALLS.name],
        token_transfers=inputs[TOKEN_TRANSFERS.name],
    )
    enriched = enrich(
        rows,
        context.reference,
        native_decimals=context.chain.native_decimals,
        max_price_age=context.chain.max_price_age,
    )
    files = []
    for table in ENRICHED_TABLES:
        file = write_data_file(store, table, enriched[table.name], partition=context.partition)
        if file is not None:
            files.append(file)
    return EnrichResult(tuple(files), len(blocks), sum(t.nbytes for t in inputs.values()))


def _check_whole(
    context: EnrichContext, blocks: Sequence[BlockToEnrich], inputs: Mapping[str, pa.Table]
) -> None:
    """Tables are read one after another: refuse what a commit in between has torn apart."""
    decoded = inputs[BLOCKS.name]
    hashes = decoded["hash"].combine_chunks()
    whole = (
        len(decoded) == len(blocks)
        and pc.sum(decoded["transaction_count"]).as_py() == len(inputs[TRANSACTIONS.name])
        and all(
            pc.all(pc.is_in(inputs[table.name]["block_hash"], hashes), min_count=0).as_py()
            for table in _INPUTS[1:]
        )
    )
    if not whole:
        raise CommitConflict(
            f"{context.block_range} was changed while it was read",
            chain=context.chain.name,
            table=BLOCKS.name,
            todo="Run it again when the other run is done",
        )


def _read(store: ObjectStore, context: EnrichContext, table: Table, numbers: pa.Array) -> pa.Table:
    parts = [table.file_schema.empty_table()]
    bounds = pc.min_max(numbers).as_py()
    for path in context.files[table.name]:
        rows = read_data_file(store, table, path, blocks=(bounds["min"], bounds["max"]))
        parts.append(rows.filter(pc.is_in(rows[table.number_column], numbers)))
    order = [(name, "ascending") for name in table.key]
    return pa.concat_tables(parts).sort_by(order).combine_chunks()
