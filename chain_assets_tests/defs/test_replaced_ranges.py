"""A reorg that was followed in raw_blocks only: the sensor has the layers above follow, however
old the blocks are by then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.assembly import open_ops
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.layers.pipeline import Writer, heal_raw
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.defs.lab import CHAIN, Lab, open_lab


def orphans(lab: Lab) -> list[int]:
    """Enriched blocks that the chain has left."""
    rows = lab.tables.read(BLOCKS, columns=["number", "hash"], chain=lab.chain.name).to_pylist()
    now = {n: lab.devnet.canonical_block(n) for n in range(lab.devnet.head + 1)}
    return [r["number"] for r in rows if (own := now[r["number"]]) and own.hash != r["hash"]]


def test_final_ranges_whose_blocks_were_replaced_are_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = replace(CHAIN, finality=20, max_reorg_depth=20)
    with (
        open_lab(tmp_path, monkeypatch, chain=chain) as lab,
        open_ops(lab.settings, lab.tables) as ops,
    ):
        lab.run(*lab.open_ranges()[:1])
        lab.follow()
        lab.devnet.reorg(8, 8)
        heal_raw(lab.chain, DevnetSource(lab.devnet), Writer(lab.tables, ops, "a run that died"))
        lab.devnet.advance(40)
        assert orphans(lab)
        lab.follow()
        assert not orphans(lab)
        assert not ops.unfinished.keys(lab.chain.name, "layers")
