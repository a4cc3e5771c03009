"""decoded_*: blobs to typed tables, by tasks that an engine runs.

raw_blocks, canonical  ─ want ┐
decoded_blocks         ─ have ┼→ plan → tasks of about equal bytes → engine → Parquet files
block_proofs, failed   ─ held ┘
                                               └─→ one commit a table, decoded_blocks last
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_range import BlockRange
from chain_assets.core.fault_points import fault_point
from chain_assets.core.proofs import rules_for
from chain_assets.core.reconcile import keep_versions, reconcile
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.engine.protocol import Engine
from chain_assets.lake.blobs import BlobRef
from chain_assets.lake.delta import Fence
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import begin, commit_layer, layer_files, stray_numbers
from chain_assets.layers.decode_task import WRITTEN, DecodeContext, decode_task
from chain_assets.layers.proving import Held, read_held
from chain_assets.layers.raw_index import IndexRow, lost_blobs, read_index
from chain_assets.layers.report import LayerReport, Progress, no_progress
from chain_assets.layers.tasks import run_tasks
from chain_assets.layers.young_blocks import young_from

_TARGET_BYTES = 32 * 1024 * 1024
_LEAST_BLOCKS = 50


def materialize_decoded(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    engine: Engine,
    registry: Registry,
    refresh: bool = True,
    repair: Collection[int] = (),
    unfetched: Collection[int] = (),
    fence: Fence | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make the decoded tables hold exactly the canonical raw blocks of the range that are proved.

    Without `refresh` rows that an older decoder made are left as they are. Blocks in `repair` are
    made anew whatever their rows say. A block that cannot be decoded, or whose proof fails, is
    held: it stands in block_proofs with its reason, and the rest goes on. So it does where the blob
    of a block is lost that the source did not give, one of `unfetched`: its rows stay as they are.

    Raises BlobCorrupt, StorageFailed, CommitConflict, LeaseLost. After an error no table has
    changed, or (where a commit failed between two tables) the next run replaces what was written.
    """
    started = clock()
    context = DecodeContext(
        chain=chain.name,
        block_range=block_range.key,
        storage=tables.storage,
        registry=registry,
        rules=rules_for(chain.proof_rules, chain.chain_id),
        verified_at=datetime.fromtimestamp(started, UTC),
    )
    begin(tables, WRITTEN, context.partition, fence)
    # Before the index: what another run adds in between must not look like rows to remove.
    held = read_held(tables, context.partition)
    have = _have(tables, context, held)
    there = layer_files(tables, WRITTEN, context.partition)
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    canonical = {row.number: row for row in rows if row.canonical}
    lost = lost_blobs(
        [row for n, row in canonical.items() if n in unfetched], tables, **context.partition
    )
    want: dict[int, tuple[Hashable, ...]] = {
        n: (row.hash, row.sha256, context.version) for n, row in canonical.items() if n not in lost
    }
    want |= _made_before(lost, canonical, have)
    again = set(repair) - lost
    have |= dict.fromkeys([*stray_numbers(tables, there, {*have, *want}), *again])
    # A block that is held has no rows to be left as they are: each new decoder tries it anew.
    rows_there = {n: i for n, i in have.items() if n not in held or i != held[n].identity}
    plan = reconcile(want if refresh else keep_versions(want, rows_there), have)
    context = replace(context, young=young_from(chain, tables, plan.write))
    blobs = [
        BlobRef(row.number, row.hash, row.uri, row.size_bytes, row.sha256)
        for row in (canonical[n] for n in plan.write)
    ]
    results = run_tasks(
        partial(decode_task, context),
        blobs,
        engine,
        target_bytes=_TARGET_BYTES,
        least_blocks=_LEAST_BLOCKS,
        progress=progress,
    )
    fault_point("blocks decoded")
    files = [file for result in results for file in result.files]
    commits = commit_layer(tables, WRITTEN, files, context.partition, plan, fence=fence)
    failed = [block for result in results for block in result.held]
    left = [h.block for n, h in held.items() if n not in plan.numbers] + failed
    identity = b"".join(row.hash + row.sha256 for row in canonical.values())
    return LayerReport(
        layer="decoded",
        chain=chain.name,
        block_range=block_range,
        present=frozenset(want.keys() - {block.number for block in left}),
        written=len(plan.write),
        removed=len(plan.remove),
        commits=commits,
        bytes_read=sum(r.bytes_read for r in results),
        seconds=clock() - started,
        data_version=sha256(identity + context.version.encode()).hexdigest()[:16],
        unknown_fields=sum((r.unknown_fields for r in results), Counter()),
        held=tuple(sorted(left, key=lambda block: block.number)),
        failed=tuple(failed),
    )


def _made_before(
    lost: Collection[int],
    canonical: Mapping[int, IndexRow],
    have: Mapping[int, tuple[Hashable, ...] | None],
) -> dict[int, tuple[Hashable, ...]]:
    """What there is of blocks whose blob is lost, where it is whole and of this very block."""
    found = {n: have[n] for n in lost if n in have}
    return {n: i for n, i in found.items() if i and i[0] == canonical[n].hash and i[-1]}


def _have(
    tables: LakeTables, context: DecodeContext, held: Mapping[int, Held]
) -> dict[int, tuple[Hashable, ...] | None]:
    """What the layer says that it holds of each block."""
    columns = ["number", "hash", "raw_sha256", "decoder_version"]
    rows = tables.read(BLOCKS, columns=columns, **context.partition)
    numbers, *identity = (rows[name].to_pylist() for name in columns)
    have: dict[int, tuple[Hashable, ...] | None] = {n: h.identity for n, h in held.items()}
    # A block that has both was on its way from the one to the other: its row says unfinished.
    return have | dict(zip(numbers, zip(*identity, strict=True), strict=True))
