"""Blocks that wait for a price are out of the enriched tables, and their run is a good one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chain_assets.core.schemas.decoded import BLOCKS as DECODED_BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets_tests.defs.lab import CHAIN, failure_of, lab_settings, open_lab

_OLD_PRICE = """chain,token_address,price_at,price_usd,source,as_of
lab-net,,2020-01-01T00:00:00Z,2.5,mine,
"""


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
