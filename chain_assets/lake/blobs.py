"""Raw blobs: one zstd-compressed JSON object a block, named by its hash, never changed.

    raw/<chain>/<block_range>/<number>-<hash>.json.zst

Two sides of a fork live beside each other. A blob that turns out damaged is moved aside (its name
gets `.corrupt`), so that the next run of raw_blocks sees it missing and fetches the block again.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from chain_assets.core.errors import BlobCorrupt
from chain_assets.lake.storage import ObjectStore

_CORRUPT = ".corrupt"


@dataclass(frozen=True)
class BlobRef:
    """Where a block's blob is and what its bytes must be."""

    number: int
    hash: bytes
    path: str
    size_bytes: int
    sha256: bytes


def blob_folder(chain: str, block_range: str) -> str:
    """The folder of a range's blobs."""
    return f"raw/{chain}/{block_range}"


def compress(payload: bytes) -> bytes:
    """One zstd frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(payload)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def write_blob(
    store: ObjectStore,
    payload: bytes,
    *,
    chain: str,
    block_range: str,
    number: int,
    block_hash: bytes,
) -> BlobRef:
    """Store the payload of one block. Raises StorageFailed."""
    path = f"{blob_folder(chain, block_range)}/{number:012d}-{block_hash.hex()}.json.zst"
    data = compress(payload)
    store.put(path, data)
    return BlobRef(number, block_hash, path, len(data), hashlib.sha256(data).digest())


def read_blob(store: ObjectStore, blob: BlobRef, *, chain: str) -> bytes:
    """The payload of `blob`. Raises BlobCorrupt where it is gone or not what the index says.

    A damaged blob has been moved aside when this raises.
    """
    try:
        data = store.get(blob.path)
    except FileNotFoundError:
        raise _corrupt(blob, "is gone", chain=chain) from None
    if hashlib.sha256(data).digest() != blob.sha256:
        with suppress(FileNotFoundError):  # Another reader may have moved it first.
            store.move(blob.path, blob.path + _CORRUPT)
        what = f"is damaged: {len(data)} bytes whose SHA-256 is not the index's (moved aside)"
        raise _corrupt(blob, what, chain=chain)
    payload: bytes = pa.input_stream(pa.BufferReader(data), compression="zstd").read()
    return payload


def _corrupt(blob: BlobRef, what: str, *, chain: str) -> BlobCorrupt:
    return BlobCorrupt(
        f"the blob {blob.path} {what}",
        chain=chain,
        block=blob.number,
        todo="Materialize raw_blocks for its range again: the block is fetched anew",
    )
