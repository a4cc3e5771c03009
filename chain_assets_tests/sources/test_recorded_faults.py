"""A folder of block files of which some are damaged, forked, or another chain's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from chain_assets.core.errors import ConfigError, MalformedAnswer, SourceError
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets.sources.protocol import RawBlock
from chain_assets.sources.recorded import RecordedSource

CHAIN = "devnet"
SPEC = DevnetSpec(chain=CHAIN, transactions_per_block=3, blocks=8)


@pytest.fixture(scope="module")
def blocks() -> list[RawBlock]:
    return list(DevnetSource(Devnet(SPEC)).blocks(range(8)))


@pytest.fixture(scope="module")
def other_side() -> dict[int, RawBlock]:
    """Blocks 4 to 7 of another side of a fork at block 3."""
    devnet = Devnet(SPEC)
    devnet.reorg(4)
    return dict(enumerate(DevnetSource(devnet).blocks(range(4, 8)), start=4))


def put(folder: Path, *blocks: RawBlock) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for block in blocks:
        path = folder / f"{block.header.number}-{block.header.hash.hex()[:8]}.json"
        path.write_bytes(block.payload)
    return path


def test_a_damaged_tip_breaks_no_block_below_it(
    blocks: list[RawBlock], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, *blocks[3:6])
    damaged = tmp_path / "99999999-01020304.json.gz"
    damaged.write_bytes(b"junk")
    source = RecordedSource(CHAIN, tmp_path)
    with caplog.at_level(logging.WARNING):
        assert source.head() == source.finalized() == blocks[5].header
    assert [block.header for block in source.blocks([3, 4, 5])] == [b.header for b in blocks[3:6]]
    with pytest.raises(MalformedAnswer, match=str(damaged)):
        source.header(99999999)
    assert [record.message for record in caplog.records] == [
        f"devnet: {damaged} is damaged (BadGzipFile): the head is taken to be below it"
    ]


def test_a_tip_of_two_sides_that_nothing_decides_breaks_no_block_below_it(
    blocks: list[RawBlock], other_side: dict[int, RawBlock], tmp_path: Path
) -> None:
    put(tmp_path, *blocks[2:5], other_side[4])
    source = RecordedSource(CHAIN, tmp_path)
    assert source.head() == source.finalized() == blocks[3].header
    with pytest.raises(SourceError, match="different blocks"):
        source.header(4)


def test_where_no_file_can_be_read_the_head_says_why(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    for block in blocks[3:5]:
        put(tmp_path, block).write_bytes(b"{")
    with pytest.raises(MalformedAnswer, match="/4-"):
        RecordedSource(CHAIN, tmp_path).head()


def test_files_that_are_not_asked_for_are_not_read(blocks: list[RawBlock], tmp_path: Path) -> None:
    put(tmp_path, blocks[3], blocks[7])
    for block in blocks[4:7]:
        put(tmp_path, block).write_bytes(b"{")
    source = RecordedSource(CHAIN, tmp_path)
    assert source.head() == blocks[7].header
    assert next(source.blocks([3])).header == blocks[3].header


def test_a_damaged_neighbour_does_not_break_a_fork_that_another_decides(
    blocks: list[RawBlock], other_side: dict[int, RawBlock], tmp_path: Path
) -> None:
    put(tmp_path, blocks[4], blocks[5], other_side[5])
    put(tmp_path, blocks[6]).write_bytes(b"{")
    source = RecordedSource(CHAIN, tmp_path)
    assert source.header(5) == blocks[5].header
    with pytest.raises(MalformedAnswer):
        source.header(6)


def test_a_damaged_side_of_another_block_does_not_break_one_that_can_be_decided(
    blocks: list[RawBlock], other_side: dict[int, RawBlock], tmp_path: Path
) -> None:
    put(tmp_path, *blocks[4:6], other_side[5], blocks[6])
    put(tmp_path, other_side[6]).write_bytes(b"{")
    source = RecordedSource(CHAIN, tmp_path)
    assert source.header(5) == blocks[5].header
    with pytest.raises(MalformedAnswer, match="/6-"):
        source.header(6)


@pytest.mark.parametrize("folder", ["ethereum", "ethereum-txonly", "old"])
def test_files_in_a_folder_of_another_name_are_not_taken_for_the_chains_own(
    folder: str, blocks: list[RawBlock], tmp_path: Path
) -> None:
    put(tmp_path / folder, blocks[3])
    with pytest.raises(ConfigError, match="no block files"):
        RecordedSource(CHAIN, tmp_path)


def test_files_beside_those_of_another_chain_are_found_alone(
    blocks: list[RawBlock], tmp_path: Path
) -> None:
    put(tmp_path / "ethereum", blocks[2])
    put(tmp_path / "blocks", blocks[3])
    put(tmp_path / "blocks-txonly", blocks[4])
    assert RecordedSource(CHAIN, tmp_path).numbers == [3, 4]
