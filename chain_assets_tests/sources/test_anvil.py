"""The rpc source against anvil, a real EVM node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from chain_assets.core.errors import BlockNotFound, ConfigError
from chain_assets.sources.rpc import RpcSource
from chain_assets_tests.anvil import (
    CHAIN_ID,
    Anvil,
    running_anvil,
    transactions_of_each_type,
)

EPOCH_SLOTS = 2  # anvil's `finalized` is two epochs behind the head


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with running_anvil("--slots-in-an-epoch", str(EPOCH_SLOTS)) as node:
        yield node


@pytest.fixture
def source(anvil: Anvil) -> Iterator[RpcSource]:
    with closing(RpcSource("anvil", CHAIN_ID, [anvil.url])) as source:
        yield source


def test_the_head_follows_the_node(anvil: Anvil, source: RpcSource) -> None:
    before = source.head()
    with pytest.raises(BlockNotFound):
        source.header(before.number + 1)
    anvil.mine()
    after = source.head()
    assert after.number == before.number + 1
    assert after.parent_hash == before.hash


def test_finalized_is_what_the_node_says(anvil: Anvil, source: RpcSource) -> None:
    anvil.mine(3 * EPOCH_SLOTS)
    finalized = source.finalized()
    assert finalized is not None
    assert finalized.number == source.head().number - 2 * EPOCH_SLOTS
    deeper = RpcSource("anvil", CHAIN_ID, [anvil.url], finality_depth=1)
    assert deeper.finalized() == source.header(source.head().number - 1)


def test_transactions_of_every_type_come_with_their_receipts(
    anvil: Anvil, source: RpcSource
) -> None:
    sent = [anvil.send(one) for one in transactions_of_each_type(anvil).values()]
    anvil.mine()
    number = source.head().number
    (block,) = source.blocks([number])
    payload = orjson.loads(block.payload)
    transactions = payload["block"]["transactions"]
    assert [t["type"] for t in transactions] == [hex(type_) for type_ in range(5)]
    assert [t["hash"] for t in transactions] == sent
    assert [r["status"] for r in payload["receipts"]] == ["0x1"] * 5
    # Field for field what the node answers when it is asked directly.
    assert payload["block"] == anvil.rpc("eth_getBlockByNumber", hex(number), True)
    assert payload["receipts"] == anvil.rpc("eth_getBlockReceipts", hex(number))


def test_a_reorg_changes_headers_and_blocks(anvil: Anvil, source: RpcSource) -> None:
    anvil.mine(4)
    head = source.head().number
    numbers = range(head - 3, head + 1)
    before = [block.header for block in source.blocks(numbers)]
    anvil.rpc("anvil_reorg", 2, [])
    after = [block.header for block in source.blocks(numbers)]
    same = [one == other for one, other in zip(before, after, strict=True)]
    assert same == [True, True, False, False]
    assert after[2].parent_hash == before[1].hash


def test_another_chain_id_is_refused(anvil: Anvil) -> None:
    with pytest.raises(ConfigError, match="chain id 31337, not 1"):
        RpcSource("ethereum", 1, [anvil.url]).head()
