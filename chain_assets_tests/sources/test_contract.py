"""All sources pass one contract; the rpc source against two different nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec, serve
from chain_assets.sources.protocol import BlockSource
from chain_assets.sources.recorded import RecordedSource, write_recording
from chain_assets.sources.rpc import RpcSource
from chain_assets_tests.anvil import (
    CHAIN_ID,
    Anvil,
    running_anvil,
    transactions_of_each_type,
)
from chain_assets_tests.sources.contract import BlockSourceContract

SPEC = DevnetSpec(transactions_per_block=6, blocks=12, finality_depth=4)


@pytest.fixture(scope="module")
def devnet() -> Devnet:
    return Devnet(SPEC)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with running_anvil() as node:
        for transaction in transactions_of_each_type(node).values():
            node.send(transaction)
            node.mine()
        yield node


class TestDevnet(BlockSourceContract):
    @pytest.fixture
    def source(self, devnet: Devnet) -> BlockSource:
        return DevnetSource(devnet)


class TestRecordedDevnet(BlockSourceContract):
    @pytest.fixture
    def source(self, devnet: Devnet, tmp_path: Path) -> BlockSource:
        for block in DevnetSource(devnet).blocks(range(SPEC.blocks)):
            write_recording(block, tmp_path, chain=SPEC.chain)
        return RecordedSource(SPEC.chain, tmp_path)


class TestRecordedRealBlocks(BlockSourceContract):
    @pytest.fixture
    def source(self, real_blocks: Path) -> BlockSource:
        return RecordedSource("ethereum", real_blocks)

    @pytest.fixture
    def numbers(self, source: BlockSource) -> list[int]:
        return list(range(17_686_110, 17_686_122))


class TestRpcOnDevnet(BlockSourceContract):
    @pytest.fixture(
        params=[{}, {"batch_size": 1}, {"batch_size": 2, "max_concurrency": 1}], ids=str
    )
    def source(self, devnet: Devnet, request: pytest.FixtureRequest) -> Iterator[BlockSource]:
        with (
            serve(devnet) as url,
            closing(RpcSource(SPEC.chain, SPEC.chain_id, [url], **request.param)) as source,
        ):
            yield source

    def test_it_answers_as_the_devnet_does(self, source: BlockSource, devnet: Devnet) -> None:
        numbers = range(SPEC.blocks)
        own = DevnetSource(devnet)
        assert source.head() == own.head()
        assert source.finalized() == own.finalized()
        assert [block.payload for block in source.blocks(numbers)] == [
            block.payload for block in own.blocks(numbers)
        ]


class TestRpcOnAnvil(BlockSourceContract):
    @pytest.fixture
    def source(self, anvil: Anvil) -> Iterator[BlockSource]:
        with closing(RpcSource("anvil", CHAIN_ID, [anvil.url])) as source:
            yield source
