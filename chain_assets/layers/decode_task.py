"""What a worker does for decoded_*: blobs → tables → proofs → Parquet files, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from chain_assets.core.abi.registry import Registry
from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.decode import decode_tables
from chain_assets.core.packing import batches
from chain_assets.core.proofs import VERIFIER, ProofRules
from chain_assets.core.schemas import BLOCK_PROOFS, DECODED_TABLES
from chain_assets.lake.blobs import BlobRef, read_blob
from chain_assets.lake.data_files import DataFile
from chain_assets.lake.storage import ObjectStore, Storage, open_store
from chain_assets.layers.proving import prove
from chain_assets.layers.report import HeldBlock
from chain_assets.layers.young_blocks import write_rows

# Bump it when decoded rows change for the same JSON and ABIs.
DECODER = "3"
# decoded_blocks is the witness of the layer, and block_proofs that of blocks held back.
WRITTEN = (*DECODED_TABLES[:-1], BLOCK_PROOFS, DECODED_TABLES[-1])
# Blocks decoded at a time, and bytes of their blobs: many, since each batch costs some thousand
# calls of NumPy and Arrow; not too many, since their JSON (seven times as large) and what is hashed
# of it is what a worker's memory goes into.
_BATCH_BLOCKS = 100
_BATCH_BYTES = 16 * 1024 * 1024
# And bytes of their JSON: a blob of some kilobytes can hold a block of 100 MB, and a hundred of
# those would not fit into the 2 GiB of an Arrow column. Blocks of mainnet stay far below.
BATCH_JSON_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class DecodeContext:
    """What all tasks of a range share; it crosses to the workers.

    Blocks from `young` on may yet be replaced.
    """

    chain: str
    block_range: str
    storage: Storage
    registry: Registry
    rules: ProofRules
    verified_at: datetime
    young: int = 0

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
    decoded = [_decode_batch(context, batch) for batch in read_batches(context, store, blobs)]
    files: list[DataFile] = []
    for table in WRITTEN:
        rows = pa.concat_tables([batch.tables[table.name] for batch in decoded])
        files += write_rows(store, table, rows, partition=context.partition, young=context.young)
    return DecodeResult(
        files=tuple(files),
        blocks=len(blobs),
        bytes_read=sum(batch.bytes_read for batch in decoded),
        unknown_fields=sum((batch.unknown_fields for batch in decoded), Counter()),
        held=tuple(block for batch in decoded for block in batch.held),
    )


@dataclass(frozen=True)
class ReadBlob:
    """A blob with the JSON that it holds."""

    blob: BlobRef
    payload: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of the JSON."""
        return len(self.payload)


def read_batches(
    context: DecodeContext,
    store: ObjectStore,
    blobs: Sequence[BlobRef],
    *,
    json_bytes: int = BATCH_JSON_BYTES,
) -> Iterator[tuple[ReadBlob, ...]]:
    """The blobs in their order with what they hold, as many as are decoded at a time.

    No batch but one of a single block has more than `json_bytes` of JSON. Raises BlobCorrupt.
    """
    for run in batches(blobs, most_items=_BATCH_BLOCKS, most_bytes=_BATCH_BYTES):
        read = (ReadBlob(blob, read_blob(store, blob, chain=context.chain)) for blob in run)
        yield from batches(read, most_items=_BATCH_BLOCKS, most_bytes=json_bytes)


def _decode_batch(context: DecodeContext, read: Sequence[ReadBlob]) -> DecodedBatch:
    decoded = decode_blocks(
        [RawPayload(each.blob.number, each.blob.hash, each.payload) for each in read],
        chain=context.chain,
    )
    proved = prove(
        decoded,
        [each.blob for each in read],
        rules=context.rules,
        decoder_version=context.version,
        verified_at=context.verified_at,
    )
    digests = {each.blob.number: each.blob.sha256 for each in read}
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
        bytes_read=sum(each.size_bytes for each in read),
        unknown_fields=decoded.unknown_fields,
    )
