"""Blobs: what was stored comes back byte for byte, or the damage is said and moved aside."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.errors import BlobCorrupt
from chain_assets.lake.blobs import (
    BlobRef,
    blob_folder,
    compress,
    decompress,
    read_blob,
    write_blob,
)
from chain_assets.lake.storage import LocalStore

HASH = bytes(range(32))
RANGE = "000000000000-000000000099"


def write(store: LocalStore, payload: bytes, *, block_hash: bytes = HASH) -> BlobRef:
    return write_blob(
        store, payload, chain="devnet", block_range=RANGE, number=42, block_hash=block_hash
    )


@settings(max_examples=30)
@given(payload=st.binary(max_size=5000))
def test_a_payload_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("lake"))
    assert read_blob(store, write(store, payload), chain="devnet") == payload


# Around the sizes where the length in a frame's header changes its width.
WIDTHS = (0, 1, 5, 13, 255, 256, 257, 65_791, 65_792, 65_793, 1 << 20)


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("byte", [pytest.param(None, id="random"), pytest.param(7, id="repeated")])
def test_frames_of_every_length_are_read_whether_they_say_it_or_not(
    size: int, byte: int | None
) -> None:
    payload = random.Random(size).randbytes(size) if byte is None else bytes([byte]) * size
    assert decompress(compress(payload)) == payload
    assert decompress(streamed(payload)) == payload


def streamed(payload: bytes) -> bytes:
    """A frame as a writer makes it that does not know how much will come."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(payload)
    frame: bytes = sink.getvalue().to_pybytes()
    return frame


@pytest.mark.parametrize("junk", [b"{}", bytes(18), b"\x28\xb5\x2f\xfd" + bytes(30)])
def test_what_is_no_frame_is_refused(junk: bytes) -> None:
    with pytest.raises(OSError, match=r"(?i)zstd|truncated|end of|decompress"):
        decompress(junk)


def test_a_blob_is_named_by_chain_range_number_and_hash(tmp_path: Path) -> None:
    blob = write(LocalStore(tmp_path), b"{}")
    assert blob.path == f"raw/devnet/{RANGE}/000000000042-{HASH.hex()}.json.zst"
    assert (tmp_path / blob.path).stat().st_size == blob.size_bytes


def test_the_same_payload_gives_the_same_blob(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert write(store, b"payload" * 99) == write(store, b"payload" * 99)


def test_two_sides_of_a_fork_live_beside_each_other(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    one, other = write(store, b"one"), write(store, b"other", block_hash=HASH[::-1])
    assert read_blob(store, one, chain="devnet") == b"one"
    assert read_blob(store, other, chain="devnet") == b"other"
    assert len(store.sizes(blob_folder("devnet", RANGE))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="truncated"),
        pytest.param(lambda data: b"", id="emptied"),
        pytest.param(lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], id="a-bit-flipped"),
        pytest.param(lambda data: compress(b"another payload"), id="another-blob"),
    ],
)
def test_damage_is_said_and_the_blob_is_moved_aside(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    store = LocalStore(tmp_path)
    blob = write(store, b"payload" * 99)
    store.put(blob.path, damage(store.get(blob.path)))
    with pytest.raises(BlobCorrupt, match=r"^devnet, block 42: .*damaged.*raw_blocks") as caught:
        read_blob(store, blob, chain="devnet")
    assert caught.value.transient
    assert list(store.sizes("raw")) == [blob.path + ".corrupt"]
    with pytest.raises(BlobCorrupt, match="is gone"):
        read_blob(store, blob, chain="devnet")
