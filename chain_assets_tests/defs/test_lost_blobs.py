"""A block whose blob is lost, and that no node gives again, is held: its runs are good ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.assembly import open_ops
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs.resources import SourcesResource
from chain_assets.layers.pipeline import Writer, write_raw
from chain_assets_tests.defs.lab import failure_of, open_lab
from chain_assets_tests.layers.catching import faulty

_LAST = "000000000020-000000000029"


def test_the_other_blocks_of_its_range_go_through_all_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        open_lab(tmp_path, monkeypatch) as lab,
        open_ops(lab.settings, lab.tables) as ops,
        SourcesResource().open(lab.chain) as source,
    ):
        keys = lab.open_ranges()
        # As where it was killed before it decoded.
        writer = Writer(lab.tables, ops, "test")
        write_raw(lab.chain, BlockRange.from_key(_LAST), source, writer)
        (blob,) = (Path(lab.tables.storage.uri) / "raw").rglob("000000000022-*.zst")
        blob.unlink()
        lab.devnet.faults = faulty("null_block", 22)
        result = lab.run(*keys)
        assert result.success, failure_of(result)
        assert lab.numbers(BLOCKS) == [*range(22), 23, 24]
        assert [hold.number for hold in ops.holds.find()] == [22]
        assert lab.verdicts("decoded_blocks", "gaps")[_LAST] is True
