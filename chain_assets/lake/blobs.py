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
from chain_assets.core.fault_points import fault_point
from chain_assets.lake.storage import ObjectStore

_CORRUPT = ".corrupt"
_ZSTD_MAGIC = bytes.fromhex("28b52ffd")
_LONGEST_HEADER = 18


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
    """One zstd frame whose header says how long `payload` is."""
    data: bytes = pa.compress(payload, codec="zstd", asbytes=True)
    return data


def decompress(data: bytes) -> bytes:
    """The payload of one zstd frame. Raises OSError where it is none."""
    size = _content_size(data)
    payload: bytes
    if size is None:
        # As other writers stream them. It takes a third longer: the result grows piece by piece.
        payload = pa.input_stream(pa.BufferReader(data), compression="zstd").read()
    else:
        payload = pa.decompress(data, decompressed_size=size, codec="zstd", asbytes=True)
    return payload


def _content_size(frame: bytes) -> int | None:
    """How long the content is, where the frame's header says so (RFC 8878, 3.1.1.1)."""
    if len(frame) < _LONGEST_HEADER or not frame.startswith(_ZSTD_MAGIC):
        return None
    descriptor = frame[4]
    single_segment = descriptor >> 5 & 1
    width = (single_segment, 2, 4, 8)[descriptor >> 6]
    if not width:
        return None
    window = 1 - single_segment
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    start = 5 + window + dictionary
    size = int.from_bytes(frame[start : start + width], "little")
    return size + 256 if width == 2 else size


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
    fault_point("blob to store")
    store.put(path, data)
    fault_point("blob stored")
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
    return decompress(data)


def _corrupt(blob: BlobRef, what: str, *, chain: str) -> BlobCorrupt:
    return BlobCorrupt(
        f"the blob {blob.path} {what}",
        chain=chain,
        block=blob.number,
        todo="Materialize raw_blocks for its range again: the block is fetched anew",
    )
