"""enriched_*: decoded rows joined with labels, tokens and prices, by tasks that an engine runs.

    decoded_blocks + reference rows  ─ want ┐
    enriched_blocks                  ─ have ┴→ plan → tasks → engine → Parquet files
                                                        └─→ one commit a table, enriched_blocks last

Reference rows are small and go to every worker with the task's context: a broadcast join. Decoded
rows are read by the workers from the live files of the decoded tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange
from chain_assets.core.enrich.requirements import missing_keys, reason_of
from chain_assets.core.enrich.versions import enricher_versions
from chain_assets.core.fault_points import fault_point
from chain_assets.core.reconcile import keep_versions, reconcile
from chain_assets.core.schemas import ENRICHED_TABLES, UNFINISHED, Table
from chain_assets.core.schemas.abi import TOKEN_TRANSFERS
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.engine.protocol import Engine
from chain_assets.lake.actions import may_hold
from chain_assets.lake.delta import Fence
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import (
    begin,
    commit_layer,
    layer_files,
    stray_numbers,
)
from chain_assets.layers.enrich_task import (
    INPUTS,
    BlockToEnrich,
    EnrichContext,
    InputFile,
    enrich_task,
)
from chain_assets.layers.reference import stored_reference
from chain_assets.layers.report import HeldBlock, LayerReport, Progress, no_progress
from chain_assets.layers.tasks import run_tasks
from chain_assets.layers.young_blocks import young_from

_TARGET_BYTES = 64 * 1024 * 1024
_LEAST_BLOCKS = 200
# The live files of each table that is read, as Delta's log describes them.
LiveFiles = Mapping[str, Sequence[dict[str, Any]]]
# About what a row of the inputs takes in memory: tasks are packed by it.
_ROW_BYTES = 1_000


def materialize_enriched(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    engine: Engine,
    refresh: bool = True,
    repair: Collection[int] = (),
    waived: Collection[tuple[int, bytes | None]] = (),
    fence: Fence | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make the enriched tables hold exactly the decoded blocks of the range.

    A block that lacks what its chain `requires` is held, but for those in `waived`, which are named
    by number and hash: what replaces one in a reorg has to be given up anew. What else is
    missing (a label, a token, a price) is a NULL, and the block is made anew when it has arrived;
    without `refresh` rows that are there are left as they are. Blocks in `repair` are made anew
    whatever their rows say.

    Raises StorageFailed, CommitConflict, LeaseLost.
    """
    started = clock()
    context = _context(chain, block_range, tables)
    begin(tables, ENRICHED_TABLES, context.partition, fence)
    # Before the decoded blocks: what another run adds in between is not to be removed.
    have = _have(tables, context.partition, repair)
    there = layer_files(tables, ENRICHED_TABLES, context.partition)
    # The plan is made of the files that the tasks read: where they are of two commits, the tasks
    # find it out.
    live = {table.name: tables.live_files(table, **context.partition) for table in INPUTS}
    decoded = _decoded_blocks(tables, live, context)
    # What is just being decoded anew is neither written nor taken away.
    decoding = {n for n, block in decoded.items() if not block["finished"]}
    have = {n: identity for n, identity in have.items() if n not in decoding}
    want = {n: block["identity"] for n, block in decoded.items() if n not in decoding}
    held = _held(context, tables, live, want, have, waived)
    want = {n: identity for n, identity in want.items() if n not in held}
    have |= dict.fromkeys(stray_numbers(tables, there, {*have, *want, *decoding}))
    plan = reconcile(want if refresh else keep_versions(want, have), have)
    context = replace(
        context,
        files=_files_of(live, plan.write),
        young=young_from(chain, tables, plan.write),
    )
    results = run_tasks(
        partial(enrich_task, context),
        [decoded[n]["task"] for n in plan.write],
        engine,
        target_bytes=_TARGET_BYTES,
        least_blocks=_LEAST_BLOCKS,
        progress=progress,
    )
    fault_point("blocks enriched")
    files = [file for result in results for file in result.files]
    commits = commit_layer(tables, ENRICHED_TABLES, files, context.partition, plan, fence=fence)
    identities = repr([block["identity"] for _, block in sorted(decoded.items())])
    return LayerReport(
        layer="enriched",
        chain=chain.name,
        block_range=block_range,
        present=frozenset(want),
        written=len(plan.write),
        removed=len(plan.remove),
        commits=commits,
        bytes_read=sum(r.bytes_read for r in results),
        seconds=clock() - started,
        data_version=sha256(identities.encode()).hexdigest()[:16],
        held=tuple(held.values()),
        failed=tuple(held.values()),
    )


def _context(chain: Chain, block_range: BlockRange, tables: LakeTables) -> EnrichContext:
    return EnrichContext(
        chain=chain,
        block_range=block_range.key,
        storage=tables.storage,
        reference=stored_reference(chain.name, tables),
        files={},
    )


def _files_of(live: LiveFiles, numbers: Collection[int]) -> dict[str, tuple[InputFile, ...]]:
    """The files that may have rows of blocks `numbers`: each that is read costs some time."""

    def input_file(table: Table, file: dict[str, Any]) -> InputFile:
        bounds = (file.get(f"{end}.{table.number_column}") for end in ("min", "max"))
        return InputFile(file["path"], file["size_bytes"], *bounds)

    return {
        table.name: tuple(
            input_file(table, file) for file in live[table.name] if may_hold(file, table, numbers)
        )
        for table in INPUTS
    }


def _decoded_blocks(
    tables: LakeTables, live: LiveFiles, context: EnrichContext
) -> dict[int, dict[str, Any]]:
    """By number: the identity of the block as it should be enriched, and the task's part of it."""
    counts, identity = ["transaction_count", "log_count"], ["hash", "raw_sha256", "decoder_version"]
    rows = tables.read_files(BLOCKS, live[BLOCKS.name], ["number", "timestamp", *counts, *identity])
    versions = enricher_versions(
        rows["timestamp"].combine_chunks(),
        context.reference,
        max_price_age=context.chain.max_price_age,
    )
    columns = (rows[name].to_pylist() for name in ["number", *counts, *identity])
    return {
        number: {
            "finished": decoder_version != UNFINISHED,
            "identity": (hash_, raw_sha256, decoder_version, version),
            "task": BlockToEnrich(number, _ROW_BYTES * (1 + transactions + (logs or 0))),
        }
        for number, transactions, logs, hash_, raw_sha256, decoder_version, version in zip(
            *columns, versions, strict=True
        )
    }


def _have(
    tables: LakeTables, partition: dict[str, str], repair: Collection[int]
) -> dict[int, tuple[Hashable, ...] | None]:
    """What the layer says that it holds of each block; None where that is to be made anew."""
    columns = ["number", "hash", "raw_sha256", "decoder_version", "enricher_version"]
    rows = tables.read(ENRICHED_BLOCKS, columns=columns, **partition)
    numbers, *identity = (rows[name].to_pylist() for name in columns)
    have: dict[int, tuple[Hashable, ...] | None] = dict(
        zip(numbers, zip(*identity, strict=True), strict=True)
    )
    return have | dict.fromkeys(repair)


def _held(
    context: EnrichContext,
    tables: LakeTables,
    live: LiveFiles,
    want: Mapping[int, tuple[Hashable, ...]],
    have: Mapping[int, tuple[Hashable, ...] | None],
    waived: Collection[tuple[int, bytes | None]],
) -> dict[int, HeldBlock]:
    """Blocks that lack what the chain requires. Rows that are there already are not taken back."""
    chain = context.chain
    done = {n for n, held in have.items() if held is not None and held[:3] == want.get(n, ())[:3]}
    asked = {n for n, identity in want.items() if n not in done and (n, identity[0]) not in waived}
    if not asked or not chain.requires:
        return {}
    numbers = pa.array(sorted(asked), pa.int64())

    def rows(table: Table, columns: Sequence[str]) -> pa.Table:
        files = [file for file in live[table.name] if may_hold(file, table, asked)]
        found = tables.read_files(table, files, [table.number_column, *columns])
        return found.filter(pc.is_in(found[table.number_column], numbers))

    blocks = rows(BLOCKS, ["hash", "timestamp"])
    missing = missing_keys(
        blocks,
        rows(TOKEN_TRANSFERS, ["token_address"]),
        context.reference,
        requires=chain.requires,
        max_price_age=chain.max_price_age,
    )
    hashes = dict(zip(blocks["number"].to_pylist(), blocks["hash"].to_pylist(), strict=True))
    return {
        number: HeldBlock(number, hashes[number], reason_of(keys), stage="enrich", missing=keys)
        for number, keys in sorted(missing.items())
    }
