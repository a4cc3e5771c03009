"""The devnet under control: head, clock, reorgs."""

from __future__ import annotations

import itertools

import pytest

from chain_assets.core.errors import BlockNotFound
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets_tests.sources.block_oracle import check_block
from chain_assets_tests.sources.devnet_chains import SPARSE, documents


def test_a_chain_may_begin_at_a_high_number() -> None:
    devnet = Devnet(DevnetSpec(first_block=20_000_000, blocks=3, transactions_per_block=8))
    source = DevnetSource(devnet)
    assert source.head().number == 20_000_002
    for document in documents(devnet, range(20_000_000, 20_000_003)):
        check_block(document["block"], document["receipts"])
    with pytest.raises(BlockNotFound, match="block 19999999"):
        source.header(19_999_999)


def test_head_and_finalized_move_with_the_chain() -> None:
    devnet = Devnet(DevnetSpec(transactions_per_block=1, blocks=10, finality_depth=12))
    source = DevnetSource(devnet)
    assert (source.head().number, source.finalized()) == (9, None)
    assert devnet.advance(5) == 14
    finalized = source.finalized()
    assert finalized is not None
    assert (source.head().number, finalized.number, devnet.finalized) == (14, 2, 2)
    with pytest.raises(BlockNotFound, match="head is 14"):
        source.header(15)


def test_the_head_follows_a_clock() -> None:
    spec = DevnetSpec(genesis_timestamp=1000, block_time_seconds=12, transactions_per_block=1)
    now = [0.0]
    devnet = Devnet(spec, clock=lambda: now[0])
    heads = []
    for seconds in (0, 1000, 1011.9, 1012, 1120):
        now[0] = seconds
        heads.append(devnet.head)
    assert heads == [0, 0, 0, 1, 10]


def test_a_reorg_replaces_the_newest_blocks_and_keeps_both_sides() -> None:
    devnet = Devnet(SPARSE)
    before = list(documents(devnet, range(110, 120)))
    assert devnet.reorg(3) == 120
    after = list(documents(devnet, range(110, 121)))
    assert after[:7] == before[:7]
    for old, new in zip(before[7:], after[7:], strict=False):
        assert old["block"]["hash"] != new["block"]["hash"]
        assert old["block"]["transactionsRoot"] != new["block"]["transactionsRoot"]
        kept = devnet.block_by_hash(bytes.fromhex(old["block"]["hash"][2:]))
        assert kept is not None
        assert "0x" + kept.header.parent_hash.hex() == old["block"]["parentHash"]
    for below, above in itertools.pairwise(after):
        assert above["block"]["parentHash"] == below["block"]["hash"]
        check_block(above["block"], above["receipts"])


def test_reorgs_upon_reorgs_are_consistent_and_reproducible() -> None:
    runs = []
    for _ in range(2):
        devnet = Devnet(SPARSE)
        heads = [devnet.reorg(5), devnet.reorg(2, new_blocks=1), devnet.reorg(30)]
        assert heads == [120, 119, 120]
        headers = [DevnetSource(devnet).header(number) for number in range(80, 121)]
        for below, above in itertools.pairwise(headers):
            assert above.parent_hash == below.hash
        runs.append(headers)
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("depth", "new_blocks"), [(0, 1), (3, 0), (120, 1), (500, 1)])
def test_an_impossible_reorg_is_refused(depth: int, new_blocks: int) -> None:
    devnet = Devnet(SPARSE)
    with pytest.raises(ValueError, match="cannot replace"):
        devnet.reorg(depth, new_blocks)


def test_a_devnet_knows_only_the_blocks_that_it_had_itself() -> None:
    reorganized, other = Devnet(SPARSE), Devnet(SPARSE)
    reorganized.reorg(3)
    reorganized.advance(5)
    newest = reorganized.canonical_block(reorganized.head)
    assert newest is not None
    assert reorganized.block_by_hash(newest.hash) == newest
    assert other.block_by_hash(newest.hash) is None
