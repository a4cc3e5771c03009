"""Faults as a reader in process meets them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from chain_assets.core.errors import (
    BlockNotFound,
    ConfigError,
    MalformedAnswer,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec, Fault, Faults
from chain_assets_tests.sources.block_oracle import check_block
from chain_assets_tests.sources.devnet_chains import SPARSE, Json, documents, sparse_documents


@pytest.fixture(scope="module")
def sparse() -> list[Json]:
    return sparse_documents()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("refuse", SourceUnavailable),
        ("server_error", SourceUnavailable),
        ("time_out", SourceUnavailable),
        ("rate_limit", RateLimited),
        ("truncated", MalformedAnswer),
        ("malformed", MalformedAnswer),
        ("null_block", BlockNotFound),
        ("foreign_receipts", MalformedAnswer),
    ],
)
def test_a_fault_is_the_error_it_would_be_over_the_network(
    kind: Any, error: type[SourceError]
) -> None:
    devnet = Devnet(SPARSE)
    devnet.faults = Faults(rules=(Fault(kind=kind, blocks=frozenset({7}), times=1),))
    source = DevnetSource(devnet)
    with pytest.raises(error, match="devnet, block 7: ") as caught:
        list(source.blocks([7]))
    assert caught.value.transient
    assert [raw.header.number for raw in source.blocks([6, 7])] == [6, 7]


def test_null_receipts_are_null() -> None:
    devnet = Devnet(SPARSE, faults=Faults(rules=(Fault(kind="null_receipts"),)))
    (document,) = documents(devnet, range(7, 8))
    assert document["receipts"] is None


def test_a_lying_node_is_caught_by_the_receipts_root(sparse: list[Json]) -> None:
    for kind in ("altered_receipt", "missing_log"):
        rule = Fault(kind=kind, blocks=frozenset({7}))
        (document,) = documents(Devnet(SPARSE, faults=Faults(rules=(rule,))), range(7, 8))
        assert document["block"] == sparse[7]["block"]
        assert document["receipts"] != sparse[7]["receipts"]
        with pytest.raises(AssertionError):
            check_block(document["block"], document["receipts"])


def test_a_block_of_another_fork_is_valid_and_not_the_parent_of_the_next(
    sparse: list[Json],
) -> None:
    rule = Fault(kind="foreign_block", blocks=frozenset({7}))
    source = DevnetSource(Devnet(SPARSE, faults=Faults(rules=(rule,))))
    low, foreign, high = (source.header(number) for number in (6, 7, 8))
    assert foreign.parent_hash == low.hash
    assert high.parent_hash != foreign.hash
    (raw,) = source.blocks([7])
    document = orjson.loads(raw.payload)
    check_block(document["block"], document["receipts"])


def test_a_lagging_node_knows_nothing_above_its_head() -> None:
    source = DevnetSource(Devnet(SPARSE, faults=Faults(lag_blocks=10)))
    assert source.head().number == 109
    with pytest.raises(BlockNotFound):
        source.header(110)


def test_faults_with_a_probability_strike_reproducibly_and_about_that_often() -> None:
    rules = (Fault(kind="rate_limit", probability=0.3),)

    def struck(seed: int) -> list[int]:
        devnet = Devnet(SPARSE, faults=Faults(rules=rules, seed=seed))
        return [n for n in range(2000) if devnet.dice.strikes("rate_limit", n)]

    assert struck(1) == struck(1) != struck(2)
    assert 500 < len(struck(1)) < 700


def test_unusable_faults_and_specs_are_refused() -> None:
    with pytest.raises(ConfigError, match="no such fault: 'gremlin'"):
        Fault(kind="gremlin")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="probability"):
        Fault(kind="refuse", probability=1.5)
    with pytest.raises(ConfigError, match="devnet: block_time_seconds is 0"):
        DevnetSpec(block_time_seconds=0)
