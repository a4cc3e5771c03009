"""decoded_*: blobs to typed tables, by tasks that an engine runs.

raw_blocks, canonical  ─ want ┐
decoded_blocks         ─ have ┼→ plan → tasks of about equal bytes → engine → Parquet files
block_proofs, failed   ─ held ┘
                                               └─→ one commit a table, decoded_blocks last
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
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
from chain_assets.core.proofs import VERIFIER, ProofRules, rules_for
from chain_assets.core.reconcile import reconcile
from chain_assets.core.schemas import BLOCK_PROOFS, DECODED_TABLES
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.engine.protocol import Engine
from chain_assets.lake.blobs import BlobRef, read_blob
from chain_assets.lake.data_files import DataFile, write_data_file
from chain_assets.lake.storage import Storage, open_store
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.commits import commit_layer
from chain_assets.layers.proving import prove, read_held
from chain_assets.layers.raw_index import read_index
from chain_assets.layers.report import HeldBlock, LayerReport, Progress, no_progress

# Bump it when decoded rows change for the same JSON and ABIs.
DECODER = "1"
_COMMITTED = (BLOCK_PROOFS, *DECODED_TABLES)
_TARGET_BYTES = 32 * 1024 * 1024
_LEAST_BLOCKS = 50
# Blocks decoded at a time: their JSON and what is hashed of it is what a worker's memory goes into.
_BATCH_BLOCKS = 50


@dataclass(frozen=True)
class DecodeContext:
    """What all tasks of a range share; it crosses to the workers."""

    chain: str
    block_range: str
    storage: Storage
    registry: Registry
    rules: ProofRules
    verified_at: datetime

    @property
    def partition(self) -> dict[str, str]:
        """The Delta partition of all files written."""
        return {"chain": self.chain, "block_range": self.block_range}

    @property
    def version(self) -> str:
        """The decoder_version of the rows written."""
        return decoder_version(self.registry, self.rules)


@dataclass(frozen=True)
class DecodeResult:
    """What a task wrote."""

    files: tuple[DataFile, ...]
    blocks: int
    bytes_read: int
    unknown_fields: Counter[str]
    held: tuple[HeldBlock, ...]


def decoder_version(registry: Registry, rules: ProofRules) -> str:
    """Version of the decoder, the verifier and its rules, and the ABIs events are decoded by."""
    return f"{DECODER}.{VERIFIER}.{rules.family}.{rules.chain_id}+{registry.digest[:12]}"


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
    """Make the decoded tables hold exactly the canonical raw blocks of the range that are proved.

    A block that cannot be decoded, or whose proof fails, is held: it stands in block_proofs with
    its reason, and the rest goes on. Raises BlobCorrupt, StorageFailed, CommitConflict. After an
    error no table has changed, or (where a commit failed between two tables) the next run
    replaces what was written.
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
    # Before the index: what another run adds in between must not look like rows to remove.
    have = _have(tables, context)
    rows = read_index(tables, chain=chain.name, block_range=block_range.key)
    canonical = {row.number: row for row in rows if row.canonical}
    want = {n: (row.hash, row.sha256, context.version) for n, row in canonical.items()}
    held = read_held(tables, context.partition)
    plan = reconcile(want, {**have, **{n: h.identity for n, h in held.items()}})
    blobs = [
        BlobRef(row.number, row.hash, row.uri, row.size_bytes, row.sha256)
        for row in (canonical[n] for n in plan.write)
    ]
    results = _run(context, blobs, engine, progress)
    commits = commit_layer(
        tables, _COMMITTED, [f for r in results for f in r.files], context.partition, plan
    )
    left = [h.block for n, h in held.items() if n not in plan.numbers]
    left += [block for result in results for block in result.held]
    identity = b"".join(row.hash + row.sha256 for row in canonical.values())
    return LayerReport(
        layer="decoded",
        chain=chain.name,
        block_range=block_range,
        blocks=len(canonical) - len(left),
        written=len(plan.write),
        removed=len(plan.remove),
        commits=commits,
        bytes_read=sum(r.bytes_read for r in results),
        seconds=clock() - started,
        data_version=sha256(identity + context.version.encode()).hexdigest()[:16],
        unknown_fields=sum((r.unknown_fields for r in results), Counter()),
        held=tuple(sorted(left, key=lambda block: block.number)),
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


@dataclass(frozen=True)
class DecodedBatch:
    """All tables of some blocks, by name."""

    tables: dict[str, pa.Table]
    held: tuple[HeldBlock, ...]
    bytes_read: int
    unknown_fields: Counter[str]


def decode_task(context: DecodeContext, blobs: Sequence[BlobRef]) -> DecodeResult:
    """Read, decode and write the blocks of one task. Runs on a worker.

    Raises BlobCorrupt where a blob cannot be read: nothing of the task is committed then.
    """
    store = open_store(context.storage)
    batches = [
        _decode_batch(context, [(b, read_blob(store, b, chain=context.chain)) for b in batch])
        for batch in _batched(blobs, _BATCH_BLOCKS)
    ]
    files = []
    for table in _COMMITTED:
        data = pa.concat_tables([batch.tables[table.name] for batch in batches])
        file = write_data_file(store, table, data, partition=context.partition)
        if file is not None:
            files.append(file)
    return DecodeResult(
        files=tuple(files),
        blocks=len(blobs),
        bytes_read=sum(batch.bytes_read for batch in batches),
        unknown_fields=sum((batch.unknown_fields for batch in batches), Counter()),
        held=tuple(block for batch in batches for block in batch.held),
    )


def _batched(blobs: Sequence[BlobRef], size: int) -> Iterator[tuple[BlobRef, ...]]:
    remaining = iter(blobs)
    while batch := tuple(islice(remaining, size)):
        yield batch


def _decode_batch(
    context: DecodeContext, payloads: Sequence[tuple[BlobRef, bytes]]
) -> DecodedBatch:
    decoded = decode_blocks(
        [RawPayload(blob.number, blob.hash, payload) for blob, payload in payloads],
        chain=context.chain,
    )
    proved = prove(
        decoded,
        [blob for blob, _ in payloads],
        rules=context.rules,
        decoder_version=context.version,
        verified_at=context.verified_at,
    )
    digests = {blob.number: blob.sha256 for blob, _ in payloads}
    tables = decode_tables(
        proved.blocks,
        registry=context.registry,
        version=context.version,
        raw_sha256=[digests[n] for n in proved.blocks.blocks["number"].to_pylist()],
        levels=proved.levels,
    )
    return DecodedBatch(
        tables={BLOCK_PROOFS.name: proved.proofs, **tables},
        held=proved.held,
        bytes_read=sum(len(payload) for _, payload in payloads),
        unknown_fields=decoded.unknown_fields,
    )
