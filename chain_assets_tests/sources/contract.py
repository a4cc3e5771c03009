"""What every source of blocks must do, whatever stands behind it.

A test class for a source inherits `BlockSourceContract` and gives the fixture `source`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest

from chain_assets.core.errors import BlockNotFound
from chain_assets.sources.protocol import BlockSource, RawBlock, header_of


class BlockSourceContract:
    """Inherit from it. `numbers` are at least four blocks that follow each other."""

    @pytest.fixture
    def source(self) -> BlockSource:
        """The source to test."""
        raise NotImplementedError

    @pytest.fixture
    def numbers(self, source: BlockSource) -> list[int]:
        """Blocks that the source has, ascending: its last four, unless a source says otherwise."""
        head = source.head().number
        return list(range(head - 3, head + 1))

    def test_the_head_is_the_block_at_its_number(self, source: BlockSource) -> None:
        head = source.head()
        assert source.header(head.number) == head

    def test_nothing_is_above_the_head(self, source: BlockSource) -> None:
        beyond = source.head().number + 1
        with pytest.raises(BlockNotFound, match=str(beyond)):
            source.header(beyond)
        with pytest.raises(BlockNotFound, match=str(beyond)):
            list(source.blocks([beyond]))

    def test_the_finalized_block_is_canonical_and_not_above_the_head(
        self, source: BlockSource
    ) -> None:
        finalized = source.finalized()
        if finalized is not None:
            assert finalized.number <= source.head().number
            assert source.header(finalized.number) == finalized

    def test_each_header_links_to_the_one_before(
        self, source: BlockSource, numbers: list[int]
    ) -> None:
        headers = [source.header(number) for number in numbers]
        assert [header.number for header in headers] == numbers
        for parent, child in pairwise(headers):
            assert child.parent_hash == parent.hash
            assert child.timestamp >= parent.timestamp

    @pytest.mark.parametrize("step", [1, -1], ids=["ascending", "descending"])
    def test_blocks_come_in_the_order_asked(
        self, source: BlockSource, numbers: list[int], step: int
    ) -> None:
        asked = numbers[::step]
        assert [block.header.number for block in source.blocks(asked)] == asked

    def test_a_block_asked_for_twice_comes_twice(
        self, source: BlockSource, numbers: list[int]
    ) -> None:
        first, second = source.blocks([numbers[0], numbers[0]])
        assert first == second

    def test_no_blocks_asked_is_no_blocks(self, source: BlockSource) -> None:
        assert list(source.blocks([])) == []

    def test_a_block_is_what_its_header_says(self, source: BlockSource, numbers: list[int]) -> None:
        for block in source.blocks(numbers):
            assert header_of(_payload(block)["block"], chain="contract") == block.header
            assert source.header(block.header.number) == block.header
            assert block.source

    def test_a_payload_holds_whole_transactions_and_their_receipts(
        self, source: BlockSource, numbers: list[int]
    ) -> None:
        for block in source.blocks(numbers):
            payload = _payload(block)
            assert list(payload) == ["block", "receipts"]
            transactions, receipts = payload["block"]["transactions"], payload["receipts"]
            assert [r["transactionHash"] for r in receipts] == [t["hash"] for t in transactions]
            assert {r["blockHash"] for r in receipts} <= {payload["block"]["hash"]}

    def test_blocks_before_a_missing_one_are_given(
        self, source: BlockSource, numbers: list[int]
    ) -> None:
        beyond = source.head().number + 1
        found: list[int] = []
        with pytest.raises(BlockNotFound, match=str(beyond)):
            found.extend(
                block.header.number for block in source.blocks([*numbers[:2], beyond, *numbers])
            )
        assert found == numbers[:2]

    def test_a_reader_may_stop_early_and_ask_again(
        self, source: BlockSource, numbers: list[int]
    ) -> None:
        iterator = source.blocks(numbers)
        first = next(iterator)
        del iterator
        assert next(iter(source.blocks(numbers))) == first


def _payload(block: RawBlock) -> dict[str, Any]:
    payload: dict[str, Any] = orjson.loads(block.payload)
    return payload
