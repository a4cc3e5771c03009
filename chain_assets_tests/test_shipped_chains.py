"""The shipped chains are cut into as many ranges as Dagster shows well, also in years to come."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.resources import files

import pytest

from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.block_range import range_of, ranges_between

# Heads at the end of 2026, rounded up: from the height that each chain had in 2025 and its block
# time. Ended chains have the height at which they ended.
HEADS = {
    "ethereum": 27_000_000,
    "ethereum-classic": 26_000_000,
    "goerli": 11_000_000,
    "base": 56_000_000,
    "base-goerli": 20_000_000,
    "optimism": 162_000_000,
    "arbitrum": 540_000_000,
    "polygon": 98_000_000,
    "sepolia": 13_000_000,
    "holesky": 6_000_000,
    "hoodi": 5_000_000,
    "optimism-sepolia": 55_000_000,
    "base-sepolia": 52_000_000,
    "zora": 56_000_000,
    "mode": 50_000_000,
    "unichain": 66_000_000,
    "world-chain": 41_000_000,
    "blast": 46_000_000,
    "celo": 90_000_000,
    "mantle": 105_000_000,
    "arbitrum-nova": 100_000_000,
    "arbitrum-sepolia": 350_000_000,
    "polygon-amoy": 48_000_000,
    "gnosis": 51_000_000,
    "bsc": 130_000_000,
    "avalanche": 100_000_000,
    "fantom": 130_000_000,
    "linea": 40_000_000,
    "scroll": 40_000_000,
    "zksync": 100_000_000,
}
CHAINS = load_settings({}).chains
# These are made here and now: as long as whoever made them wants.
OWN = {name for name, chain in CHAINS.items() if chain.source == "devnet"} | {"anvil"}


def test_the_head_of_each_real_chain_is_known_here() -> None:
    assert set(HEADS) == set(CHAINS) - OWN


@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_chain_has_some_2500_ranges_and_stays_below_20000_for_years(name: str) -> None:
    ranges, head = CHAINS[name].ranges, HEADS[name]
    count = sum(1 for _ in ranges_between(CHAINS[name].start_block, head, ranges))
    # What half again as many blocks will add: for most that is years away.
    growth = head // 2 // len(range_of(head, ranges))
    assert count <= 6_000
    assert count + growth <= 15_000


def test_the_file_says_what_each_key_means() -> None:
    header = files("chain_assets").joinpath("chains.toml").read_text("utf-8").split("[chains.")[0]
    words = set(re.findall(r"^#   ([a-z][a-z_, ]*?)  ", header, re.MULTILINE))
    told = {name for words_of_a_line in words for name in words_of_a_line.split(", ")}
    assert told == {field.name for field in fields(Chain)} - {"name"}
