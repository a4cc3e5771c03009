"""Labels, token metadata and prices of the devnet, and their gaps."""

from __future__ import annotations

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.sources.devnet.reference import (
    NATIVE,
    Withheld,
    devnet_labels,
    devnet_prices,
    devnet_tokens,
)
from chain_assets.sources.devnet.words import topic_of
from chain_assets_tests.sources.devnet_chains import DENSE, Json, dense_documents

TRANSFER_TOPICS = {
    "0x" + topic_of(signature).hex()
    for signature in (
        "Transfer(address,address,uint256)",
        "TransferSingle(address,address,address,uint256,uint256)",
        "TransferBatch(address,address,address,uint256[],uint256[])",
    )
}


@pytest.fixture(scope="module")
def dense() -> list[Json]:
    return dense_documents()


def test_every_token_that_moves_is_described_and_every_fungible_one_priced(
    dense: list[Json],
) -> None:
    tokens = {row["address"]: row for row in devnet_tokens(DENSE)}
    moved = {
        log["address"]
        for document in dense
        for receipt in document["receipts"]
        for log in receipt["logs"]
        if log["topics"] and log["topics"][0] in TRANSFER_TOPICS
    }
    assert moved <= set(tokens)
    time = DENSE.genesis_timestamp
    priced = {row["token_address"] for row in devnet_prices(DENSE, time, time)}
    assert priced - {NATIVE} == {a for a, row in tokens.items() if row["decimals"]}


def test_prices_are_hourly_near_their_base_and_reproducible() -> None:
    first = DENSE.genesis_timestamp
    rows = devnet_prices(DENSE, first, first + 5 * 3600)
    assert rows == devnet_prices(DENSE, first, first + 5 * 3600)
    native = [row for row in rows if row["token_address"] == NATIVE]
    assert [row["price_at"] for row in native] == [
        f"2025-06-15T{hour}:00:00Z" for hour in range(15, 21)
    ]
    assert all(2300 < float(row["price_usd"]) < 2900 for row in native)
    assert len({row["price_usd"] for row in native}) == 6


def test_metadata_and_prices_can_be_withheld() -> None:
    first = DENSE.genesis_timestamp
    usdc = next(row["address"] for row in devnet_tokens(DENSE) if row["symbol"] == "USDC")
    assert isinstance(usdc, str)
    withheld = Withheld(
        metadata=frozenset({usdc}),
        prices=frozenset({usdc, NATIVE}),
        price_blocks=BlockRange(0, 2),
    )
    assert usdc not in [row["address"] for row in devnet_tokens(DENSE, withheld=withheld)]
    rows = devnet_prices(DENSE, first, first + 7200, withheld=withheld)
    hours = [row["price_at"] for row in rows if row["token_address"] == usdc]
    assert hours == ["2025-06-15T16:00:00Z", "2025-06-15T17:00:00Z"]


def test_labels_are_unique_and_name_who_is_often_seen(dense: list[Json]) -> None:
    labels = {row["address"]: row["label"] for row in devnet_labels(DENSE)}
    assert len(labels) == len(devnet_labels(DENSE))
    assert all(document["block"]["miner"] in labels for document in dense)
