"""decoded_*: blobs to typed tables, by tasks that an engine runs.

raw_blocks, canonical  ─ want ┐
decoded_blocks         ─ have ┴→ plan → tasks of about equal bytes → engine → Parquet files
                                               └─→ one commit a table, decoded_blocks last
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice

import pyarrow as pa

from chain_assets.chains import Chain
from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.block_range import BlockRange
from chain_assets.core.decode import decode_tables
from chain_assets.core.packing import pack
from chain_assets.core.reconcile import reconcile
from chain_assets.core.schemas import DECODED_TABLES
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.engine.protocol import Engine
from chain_assets.lake.blobs import BlobRef, read_blob
from chain_assets.lake.data_files import DataFile, write_data_file
from chain_assets.lake.storage import Storage, open_store
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import commit_layer
from chain_assets.layers.raw_index import read_index
from chain_assets.layers.report import LayerReport, Progress, no_progress

# Bump it when decoded rows change for the same JSON and ABIs.
DECODER = "1"
_TARGET_BYTES = 32 * 1024 * 1024
_LEAST_BLOCKS = 50
# Blocks parsed at a time: their JSON as Python objects is what a worker's memory goes into.
_BATCH_BLOCKS = 50


@dataclass(frozen=True)
class DecodeContext:
    """What all tasks of a range share; it crosses to the workers."""

    chain: str
    block_range: str
    storage: Storage
    registry: Registry

    @property
    def partition(self) -> dict[str, str]:
        """The Delta partition of all files written."""
        return {"chain": self.chain, "block_range": self.block_range}

    @property
    def version(self) -> str:
        """The decoder_version of the rows written."""
        return decoder_version(self.registry)


@dataclass(frozen=True)
class DecodeResult:
    """What a task wrote."""

    files: tuple[DataFile, ...]
    blocks: int
    bytes_read: int
    unknown_fields: Counter[str]


def decoder_version(registry: Registry) -> str:
    """Version of the decoder's code and of the ABIs that it decodes by."""
    return f"{DECODER}+{registry.digest[:12]}"


def materialize_decoded(
    chain: Chain,
    block_range: BlockRange,
    *,
    tables: LakeTables,
    engine: Engine,
    registry: Registry,
    progress: Progress = no_progress,
    clock: Callable[[], float] = time.time,
) -> LayerReport:
    """Make the decoded tables hold exactly the canonical raw blocks of the range.

    Raises DecodeError, BlobCorrupt, StorageFailed, CommitConflict. After an error no table has
    changed, or (where a commit failed between two tables) the next run replaces what was written.
    """
    started = clock()
    context = DecodeContext(chain.name, block_range.key, tables.storage, registry)
    # Before the index: what another run adds in between must not look like rows to remove.
    have = _have(tables, context)
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    canonical = {row.number: row for row in rows if row.canonical}
    plan = reconcile(
        {n: (row.hash, row.sha256, context.version) for n, row in canonical.items()}, have
    )
    blobs = [
        BlobRef(row.number, row.hash, row.uri, row.size_bytes, row.sha256)
        for row in (canonical[n] for n in plan.write)
    ]
    results = _run(context, blobs, engine, progress)
    commits = commit_layer(
        tables, DECODED_TABLES, [f for r in results for f in r.files], context.partition, plan
    )
    identity = b"".join(row.hash + row.sha256 for row in canonical.values())
    return LayerReport(
        layer="decoded",
        chain=chain.name,
        block_range=block_range,
        blocks=len(canonical),
        written=len(plan.write),
        removed=len(plan.remove),
        commits=commits,
        bytes_read=sum(r.bytes_read for r in results),
        seconds=clock() - started,
        data_version=sha256(identity + context.version.encode()).hexdigest()[:16],
        unknown_fields=sum((r.unknown_fields for r in results), Counter()),
    )


def _have(tables: LakeTables, context: DecodeContext) -> dict[int, tuple[bytes, bytes, str]]:
    columns = ["number", "hash", "raw_sha256", "decoder_version"]
    rows = tables.read(BLOCKS, columns=columns, **context.partition).to_pylist()
    return {r["number"]: (r["hash"], r["raw_sha256"], r["decoder_version"]) for r in rows}


def _run(
    context: DecodeContext, blobs: Sequence[BlobRef], engine: Engine, progress: Progress
) -> list[DecodeResult]:
    if not blobs:
        return []
    tasks = pack(
        blobs,
        parallelism=engine.parallelism,
        target_bytes=_TARGET_BYTES,
        least_items=_LEAST_BLOCKS,
    )
    results = []
    for result in engine.map(partial(decode_task, context), tasks):
        progress(result.blocks)
        results.append(result)
    return results


def decode_task(context: DecodeContext, blobs: Sequence[BlobRef]) -> DecodeResult:
    """Read, decode and write the blocks of one task. Runs on a worker.

    Raises the first block's error where blocks cannot be read or decoded: nothing of the task is
    committed then.
    """
    store = open_store(context.storage)
    batches = [
        _decode_batch(context, [(b, read_blob(store, b, chain=context.chain)) for b in batch])
        for batch in _batched(blobs, _BATCH_BLOCKS)
    ]
    files = []
    for table in DECODED_TABLES:
        data = pa.concat_tables([tables[table.name] for tables, _, _ in batches])
        file = write_data_file(store, table, data, partition=context.partition)
        if file is not None:
            files.append(file)
    return DecodeResult(
        files=tuple(files),
        blocks=len(blobs),
        bytes_read=sum(size for _, size, _ in batches),
        unknown_fields=sum((unknown for _, _, unknown in batches), Counter()),
    )


def _batched(blobs: Sequence[BlobRef], size: int) -> Iterator[tuple[BlobRef, ...]]:
    remaining = iter(blobs)
    while batch := tuple(islice(remaining, size)):
        yield batch


def _decode_batch(
    context: DecodeContext, payloads: Sequence[tuple[BlobRef, bytes]]
) -> tuple[dict[str, pa.Table], int, Counter[str]]:
    decoded = decode_blocks(
        [RawPayload(blob.number, blob.hash, payload) for blob, payload in payloads],
        chain=context.chain,
    )
    if decoded.refused:
        raise decoded.refused[0]
    tables = decode_tables(
        decoded,
        registry=context.registry,
        version=context.version,
        raw_sha256=[blob.sha256 for blob, _ in payloads],
    )
    return tables, sum(len(payload) for _, payload in payloads), decoded.unknown_fields
