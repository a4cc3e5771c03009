"""Blocks that wait for a price or a token are out of the enriched tables, and their run is a good
one; so is each run after a person has given up waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.assembly import open_ops
from chain_assets.core.block_range import BlockRange, range_of
from chain_assets.core.schemas import RAW_BLOCKS, UNFINISHED
from chain_assets.core.schemas.decoded import BLOCKS as DECODED_BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.chain_state import read_state
from chain_assets.defs.names import ENRICHED
from chain_assets.defs.resources import SourcesResource
from chain_assets.ops.hold_rules import Failure
from chain_assets.ops.store import OpsStore
from chain_assets_tests.defs.lab import CHAIN, Lab, failure_of, lab_settings, open_lab

_OLD_PRICE = """chain,token_address,price_at,price_usd,source,as_of
lab-net,,2020-01-01T00:00:00Z,2.5,mine,
"""
_LAST = "000000000020-000000000029"


def test_a_run_whose_blocks_wait_for_a_price_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "token_prices.csv").write_text(_OLD_PRICE)
    settings = replace(lab_settings(CHAIN, tmp_path / "lake", "local"), reference=folder)
    with open_lab(tmp_path, monkeypatch, settings=settings) as lab:
        result = lab.run(*lab.open_ranges())
        assert result.success, failure_of(result)
        assert lab.numbers(DECODED_BLOCKS) == list(range(25))
        assert lab.numbers(BLOCKS) == []
        assert all(lab.verdicts("enriched_blocks", "counts").values())


@contextmanager
def _given_up(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[Lab, OpsStore]]:
    """Blocks up to 22; those above 19 that wait for a token are dropped, and enriched without."""
    chain = replace(CHAIN, requires=("token_metadata",))
    with (
        open_lab(folder, patch, chain=chain, blocks=23) as lab,
        open_ops(lab.settings, lab.tables) as ops,
    ):
        lab.follow()
        waiting = [h.number for h in ops.holds.find(chain.name, stage="enrich") if h.number > 19]
        assert waiting
        assert not set(waiting) & set(lab.numbers(BLOCKS))
        ops.holds.drop(chain.name, waiting, who="ada", why="nobody knows that token")
        lab.run(_LAST, _LAST)
        assert set(waiting) <= set(lab.numbers(BLOCKS))
        yield lab, ops


def test_runs_after_a_hold_was_dropped_are_good_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _given_up(tmp_path, monkeypatch) as (lab, _):
        assert lab.verdicts(ENRICHED, "gaps")[_LAST] is True
        lab.devnet.reorg(2)
        result = lab.run(_LAST, _LAST)
        assert result.success, failure_of(result)


def test_blocks_that_were_dropped_and_enriched_do_not_hide_the_newest_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _given_up(tmp_path, monkeypatch) as (lab, _):
        for _ in range(7):
            lab.devnet.advance(1)
            lab.follow()
            assert lab.devnet.head in lab.numbers(RAW_BLOCKS)


@pytest.mark.parametrize(("held", "missing"), [(44, 43), (4, 5)], ids=["open", "closed"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_block_that_is_stored_and_held_again_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, missing: int, killed: bool
) -> None:
    """Its blob was lost, and the node has pruned it; the rows of before are there still. Another
    block has no row, or one that was about to be replaced when its writer was killed."""
    with (
        open_lab(tmp_path, monkeypatch, blocks=45) as lab,
        open_ops(lab.settings, lab.tables) as ops,
        SourcesResource().open(lab.chain) as source,
    ):
        lab.run(*lab.open_ranges())
        key = range_of(held, lab.chain.ranges).key
        ops.holds.put(lab.chain.name, [Failure(held, "fetch", key, "the node has pruned it")])
        partition = {"chain": lab.chain.name, "block_range": key}
        if killed:
            lab.tables.mark_blocks(
                DECODED_BLOCKS,
                partition=partition,
                numbers=[missing],
                column="decoder_version",
                text=UNFINISHED,
            )
        else:
            lab.tables.replace_blocks(BLOCKS, [], partition=partition, numbers=[missing])
        state = read_state(lab.chain, source=source, tables=lab.tables, ops=ops)
        numbers = BlockRange.from_key(key).between(0, lab.devnet.head)
        assert state.holdings.blocks[key] == len(numbers) - 1
