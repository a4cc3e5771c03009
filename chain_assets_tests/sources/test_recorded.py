"""A folder of block files as a source: every layout, every kind of damage."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    MalformedAnswer,
    SourceError,
    SourceUnavailable,
    StorageFailed,
)
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets.sources.protocol import RawBlock
from chain_assets.sources.recorded import RecordedSource, write_recording

CHAIN = "devnet"
SPEC = DevnetSpec(chain=CHAIN, transactions_per_block=3, blocks=8)


@pytest.fixture(scope="module")
def blocks() -> list[RawBlock]:
    return list(DevnetSource(Devnet(SPEC)).blocks(range(8)))


@pytest.fixture(scope="module")
def other_side() -> list[RawBlock]:
    """Blocks 4 to 7 of another side of a fork at block 3."""
    devnet = Devnet(SPEC)
    devnet.reorg(4)
    return list(DevnetSource(devnet).blocks(range(4, 8)))


def name_of(block: RawBlock, suffix: str = ".json") -> str:
    return f"{block.header.number}-{block.header.hash.hex()[:8]}{suffix}"


def without_receipts(block: RawBlock) -> bytes:
    return orjson.dumps(orjson.loads(block.payload) | {"receipts": None})


def put(folder: Path, block: RawBlock, payload: bytes | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name_of(block)
    path.write_bytes(payload or block.payload)
    return path


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("folder", ["devnet/blocks", "devnet/anything", "devnet", "blocks", "."])
def test_every_layout_is_found(folder: str, blocks: list[RawBlock], tmp_path: Path) -> None:
    put(tmp_path / folder, blocks[3])
    source = RecordedSource(CHAIN, tmp_path)
    (block,) = source.blocks([3])
    assert block.payload == blocks[3].payload
    assert source.head() == source.finalized() == blocks[3].header


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".json", bytes), (".json.gz", gzip.compress), (".json.zst", zstd)],
    ids=["plain", "gzip", "zstd"],
)
def test_every_compression_is_read(
    suffix: str, pack: Any, blocks: list[RawBlock], tmp_path: Path
) -> None:
    (tmp_path / name_of(blocks[3], suffix)).write_bytes(pack(blocks[3].payload))
    assert next(RecordedSource(CHAIN, tmp_path).blocks([3])).payload == blocks[3].payload


def test_what_is_written_is_what_is_read_and_the_same_block_is_the_same_bytes(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    paths = [write_recording(block, tmp_path, chain=CHAIN) for block in blocks]
    assert paths[3] == tmp_path / "devnet" / "blocks" / name_of(blocks[3], ".json.gz")
    before = [path.read_bytes() for path in paths]
    source = RecordedSource(CHAIN, tmp_path)
    assert source.numbers == list(range(8))
    again = list(source.blocks(range(8)))
    assert [block.payload for block in again] == [block.payload for block in blocks]
    assert [write_recording(block, tmp_path, chain=CHAIN).read_bytes() for block in again] == before
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}


def test_a_block_without_receipts_is_written_apart_and_read(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    put(tmp_path / "from", blocks[3], without_receipts(blocks[3]))
    (block,) = RecordedSource(CHAIN, tmp_path / "from").blocks([3])
    assert block.log_count is None
    path = write_recording(block, tmp_path / "to", chain=CHAIN)
    assert path.parent.name == "blocks-txonly"
    assert next(RecordedSource(CHAIN, tmp_path / "to").blocks([3])).payload == block.payload


def test_a_recording_that_cannot_be_written_is_an_error_and_leaves_nothing(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    (tmp_path / CHAIN).write_text("a file where a folder should be")
    with pytest.raises(StorageFailed, match="block 3"):
        write_recording(blocks[3], tmp_path, chain=CHAIN)
    assert [path.name for path in tmp_path.iterdir()] == [CHAIN]


def test_of_two_files_of_one_block_the_one_with_receipts_wins(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    put(tmp_path / CHAIN / "a", blocks[3], without_receipts(blocks[3]))
    put(tmp_path / CHAIN / "b", blocks[3])
    put(tmp_path / CHAIN / "c", blocks[3], without_receipts(blocks[3]))
    assert next(RecordedSource(CHAIN, tmp_path).blocks([3])).payload == blocks[3].payload


@pytest.mark.parametrize("asked", [4, 5, 6])
def test_of_two_sides_the_one_with_the_recorded_child_wins(
    asked: int, blocks: list[RawBlock], other_side: list[RawBlock], tmp_path: Path
) -> None:
    for block in [*blocks[4:7], *other_side]:  # of block 7 only one side is there
        put(tmp_path, block)
    source = RecordedSource(CHAIN, tmp_path)
    assert source.header(asked) == other_side[asked - 4].header
    assert [b.header for b in source.blocks([4, 5, 6, 7])] == [b.header for b in other_side]


def test_without_a_child_the_side_that_links_to_the_recorded_parent_wins(
    blocks: list[RawBlock], other_side: list[RawBlock], tmp_path: Path
) -> None:
    for block in [blocks[4], blocks[5], other_side[1]]:
        put(tmp_path, block)
    assert RecordedSource(CHAIN, tmp_path).head() == blocks[5].header


def test_two_sides_that_nothing_decides_are_an_error_that_names_both(
    blocks: list[RawBlock], other_side: list[RawBlock], tmp_path: Path
) -> None:
    paths = [put(tmp_path, block) for block in (blocks[3], blocks[4], other_side[0])]
    source = RecordedSource(CHAIN, tmp_path)
    assert source.header(3) == blocks[3].header
    with pytest.raises(SourceError, match="different blocks") as caught:
        source.header(4)
    assert not caught.value.transient
    assert all(str(path) in str(caught.value) for path in paths[1:])


def test_a_missing_block_names_the_folder(blocks: list[RawBlock], tmp_path: Path) -> None:
    put(tmp_path, blocks[3])
    with pytest.raises(BlockNotFound, match=str(tmp_path)) as caught:
        list(RecordedSource(CHAIN, tmp_path).blocks([3, 4]))
    assert caught.value.block == 4


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        pytest.param(".json.gz", b"no gzip", id="no gzip"),
        pytest.param(".json.gz", gzip.compress(b'{"block":{}}' * 99)[:-9], id="gzip cut off"),
        pytest.param(".json.zst", b"no zstd", id="no zstd"),
        pytest.param(".json.zst", zstd(b'{"block":{}}' * 99)[:-9], id="zstd cut off"),
        pytest.param(".json", b"", id="empty"),
        pytest.param(".json", b'{"block":', id="JSON cut off"),
        pytest.param(".json", b"[]", id="a list"),
        pytest.param(".json", b'{"receipts":[]}', id="no block"),
        pytest.param(".json", b'{"block":null,"receipts":null}', id="null"),
        pytest.param(".json", b'{"block":{"number":"0x3"}}', id="no hash"),
    ],
)
def test_a_damaged_file_is_named(
    suffix: str, content: bytes, blocks: list[RawBlock], tmp_path: Path
) -> None:
    path = tmp_path / name_of(blocks[3], suffix)
    path.write_bytes(content)
    source = RecordedSource(CHAIN, tmp_path)
    with pytest.raises(MalformedAnswer, match=str(path)):
        source.header(3)
    with pytest.raises(MalformedAnswer, match=str(path)):
        list(source.blocks([3]))


def test_a_file_whose_name_is_another_blocks_is_refused(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    path = put(tmp_path, blocks[3], blocks[4].payload)
    with pytest.raises(MalformedAnswer, match=f"{path}: holds block 4"):
        RecordedSource(CHAIN, tmp_path).head()


def test_receipts_of_another_block_are_refused(blocks: list[RawBlock], tmp_path: Path) -> None:
    mixed = orjson.loads(blocks[3].payload) | {"receipts": orjson.loads(blocks[4].payload)}
    path = put(tmp_path, blocks[3], orjson.dumps(mixed))
    with pytest.raises(MalformedAnswer, match=str(path)):
        list(RecordedSource(CHAIN, tmp_path).blocks([3]))


def test_a_file_that_is_gone_is_unavailable(blocks: list[RawBlock], tmp_path: Path) -> None:
    path = put(tmp_path, blocks[3])
    source = RecordedSource(CHAIN, tmp_path)
    path.unlink()
    with pytest.raises(SourceUnavailable, match=str(path)):
        source.head()


def test_a_folder_that_is_not_there_or_has_no_blocks_says_so(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="is not a folder"):
        RecordedSource(CHAIN, tmp_path / "nowhere")
    # Blocks of other chains are not this chain's.
    put(tmp_path / "other" / "blocks", blocks[3])
    with pytest.raises(ConfigError, match="no block files"):
        RecordedSource(CHAIN, tmp_path)


def test_every_real_block_is_read_and_is_what_its_file_holds(real_blocks: Path) -> None:
    chains = sorted(path.name for path in real_blocks.iterdir())
    assert "ethereum" in chains
    for chain in chains:
        source = RecordedSource(chain, real_blocks)
        for block in source.blocks(source.numbers):
            path = real_blocks / chain / block.source.removeprefix("recorded:")
            content = orjson.loads(gzip.decompress(path.read_bytes()))
            kept = {"block": content["block"], "receipts": content["receipts"]}
            assert block.payload == orjson.dumps(kept)
            assert block.header.hash.hex().startswith(path.name.split("-")[1].split(".")[0])
