"""A run that refreshes asks for the approval that `chain-assets refresh` asks for: once, for both
layers, and for final ranges only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from chain_assets.assembly import open_ops
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas import Table
from chain_assets.core.schemas.decoded import BLOCKS
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.defs.assets import layers
from chain_assets.defs.names import DECODED, ENRICHED, asset_key
from chain_assets.defs.partitions import range_tags
from chain_assets.defs.resources import build_resources
from chain_assets.defs.writing import REFRESH_TAG
from chain_assets.layers.pipeline import write_decoded
from chain_assets.layers.report import LayerReport
from chain_assets.ops.store import OpsStore
from chain_assets_tests.defs.lab import CHAIN, Lab, failure_of, lab_settings, open_lab

OLD = "0+old"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """25 blocks; 0 to 16 are final, so the first of three ranges is closed. Some rows are old."""
    with open_lab(tmp_path, monkeypatch) as opened:
        assert opened.run(*opened.open_ranges()).success
        age(opened, BLOCKS, 3, 12, 22)
        yield opened


@pytest.fixture
def ops(lab: Lab) -> Iterator[OpsStore]:
    with open_ops(lab.settings, lab.tables) as store:
        yield store


def age(lab: Lab, table: Table, *numbers: int) -> None:
    """As if an older decoder had made these blocks."""

    for start in (0, 10, 20):
        partition = {"chain": lab.chain.name, "block_range": f"{start:012d}-{start + 9:012d}"}
        lab.tables.mark_blocks(
            table,
            partition=partition,
            numbers=set(numbers),
            column="decoder_version",
            text=OLD,
        )


def stale(lab: Lab, table: Table) -> list[int]:
    rows = lab.tables.read(table, columns=["number", "decoder_version"], chain=lab.chain.name)
    return sorted(r["number"] for r in rows.to_pylist() if r["decoder_version"] == OLD)


def refresh(lab: Lab, *, first: int = 0, last: int = 29) -> dg.ExecuteInProcessResult:
    ranges = [BlockRange(start, start + 10) for start in range(first, last, 10)]
    return lab.run_tagged({**range_tags(ranges), REFRESH_TAG: "true"})


def test_open_ranges_are_made_anew_and_closed_ones_when_it_is_approved(
    lab: Lab, ops: OpsStore
) -> None:
    assert lab.run(*lab.open_ranges()).success
    assert stale(lab, BLOCKS) == [3, 12, 22], "no run does it by surprise"

    refused = refresh(lab)
    assert not refused.success
    (asked,) = ops.approvals.all()
    assert (asked.kind, asked.state) == ("refresh", "pending")
    assert "a refresh of blocks 0-29: 1 closed ranges, 000000000000" in failure_of(refused)
    assert f"chain-assets approvals show {asked.id}" in failure_of(refused)
    assert (stale(lab, BLOCKS), stale(lab, ENRICHED_BLOCKS)) == ([3], [3])

    ops.approvals.approve(asked.id, who="ada", why="new decoder")
    assert refresh(lab).success
    assert (stale(lab, BLOCKS), stale(lab, ENRICHED_BLOCKS)) == ([], [])
    assert [approval.state for approval in ops.approvals.all()] == ["used"]
    assert refresh(lab).success, "nothing is left to be asked for"
    assert len(ops.approvals.all()) == 1
    assert all(lab.verdicts(ENRICHED, "counts").values())


def test_a_run_over_open_ranges_asks_nobody(lab: Lab, ops: OpsStore) -> None:
    assert refresh(lab, first=10).success
    assert stale(lab, BLOCKS) == [3]
    assert not ops.approvals.all()


def test_an_approval_lasts_until_the_last_layer_also_where_the_run_fails_before(
    lab: Lab, ops: OpsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(lab)
    (asked,) = ops.approvals.all()
    ops.approvals.approve(asked.id, who="ada", why="new decoder")

    def full(*_: object, **__: object) -> None:
        raise StorageFailed("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(layers, "write_enriched", full)
        assert not refresh(lab).success
    assert (stale(lab, BLOCKS), stale(lab, ENRICHED_BLOCKS)) == ([], [3])
    assert ops.approvals.get(asked.id).state == "approved"
    assert refresh(lab).success
    assert stale(lab, ENRICHED_BLOCKS) == []
    assert ops.approvals.get(asked.id).state == "used"


def test_a_run_of_one_layer_alone_asks_for_itself(lab: Lab, ops: OpsStore) -> None:
    def materialize() -> dg.ExecuteInProcessResult:
        return dg.materialize(
            list(layers.layer_assets(lab.chain, layers.Setting(spark=False))),
            selection=[asset_key(lab.chain, DECODED)],
            instance=lab.instance,
            resources=dict(build_resources(lab.settings)),
            tags={**range_tags([BlockRange(0, 10), BlockRange(20, 30)]), REFRESH_TAG: "true"},
            raise_on_error=False,
        )

    refused = materialize()
    (asked,) = ops.approvals.all()
    assert asked.id in failure_of(refused)
    assert stale(lab, BLOCKS) == [3], "the open ranges are done"
    ops.approvals.approve(asked.id, who="ada", why="new decoder")
    assert materialize().success
    assert stale(lab, BLOCKS) == []
    assert ops.approvals.get(asked.id).state == "used"


def test_closed_ranges_that_came_on_top_are_left_and_asked_for_by_the_next_run(
    lab: Lab, ops: OpsStore
) -> None:
    refresh(lab)
    (asked,) = ops.approvals.all()
    ops.approvals.approve(asked.id, who="ada", why="new decoder")
    lab.devnet.advance(10)
    assert lab.run(*lab.open_ranges()[:3]).success
    age(lab, BLOCKS, 3, 12)
    assert refresh(lab).success
    assert stale(lab, BLOCKS) == [12]
    assert "1 closed ranges, 000000000010" in failure_of(refresh(lab))


def test_where_a_chain_needs_no_approval_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = replace(CHAIN, approve_refresh=False)
    with open_lab(tmp_path, monkeypatch, chain=free) as lab:
        assert lab.run(*lab.open_ranges()).success
        age(lab, BLOCKS, 3, 22)
        assert refresh(lab).success
        assert stale(lab, BLOCKS) == []
        assert lab.materializations(DECODED)


def test_an_approval_that_came_after_its_rows_were_left_stays_for_the_next_run(
    lab: Lab, ops: OpsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def approved_meanwhile(*parts: Any, **options: Any) -> LayerReport:
        for asked in ops.approvals.all("pending"):
            ops.approvals.approve(asked.id, who="ada", why="new decoder")
        return write_decoded(*parts, **options)

    with monkeypatch.context() as patch:
        patch.setattr(layers, "write_decoded", approved_meanwhile)
        failed = refresh(lab)
    assert not failed.success
    assert "Materialize the same ranges again" in failure_of(failed)
    assert stale(lab, BLOCKS) == [3]
    assert [approval.state for approval in ops.approvals.all()] == ["approved"]
    assert refresh(lab).success
    assert (stale(lab, BLOCKS), stale(lab, ENRICHED_BLOCKS)) == ([], [])
    assert [approval.state for approval in ops.approvals.all()] == ["used"]


def test_decoded_rows_that_all_wait_for_a_price_are_asked_for_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    prices = "chain,token_address,price_at,price_usd,source,as_of\n"
    (folder / "token_prices.csv").write_text(f"{prices}lab-net,,2020-01-01T00:00:00Z,2.5,mine,\n")
    settings = replace(lab_settings(CHAIN, tmp_path / "lake", "local"), reference=folder)
    with (
        open_lab(tmp_path, monkeypatch, settings=settings) as lab,
        open_ops(lab.settings, lab.tables) as ops,
    ):
        assert lab.run(*lab.open_ranges()).success
        assert not lab.numbers(ENRICHED_BLOCKS)
        age(lab, BLOCKS, 3)
        refused = refresh(lab)
        (asked,) = ops.approvals.all("pending")
        assert asked.id in failure_of(refused)
        assert stale(lab, BLOCKS) == [3]
        ops.approvals.approve(asked.id, who="ada", why="new decoder")
        assert refresh(lab).success
        assert stale(lab, BLOCKS) == []
        assert ops.approvals.get(asked.id).state == "used"


def test_enriched_rows_that_only_a_new_decoding_makes_anew_keep_the_approval(
    lab: Lab, ops: OpsStore
) -> None:
    def enrich() -> dg.ExecuteInProcessResult:
        return dg.materialize(
            list(layers.layer_assets(lab.chain, layers.Setting(spark=False))),
            selection=[asset_key(lab.chain, ENRICHED)],
            instance=lab.instance,
            resources=dict(build_resources(lab.settings)),
            tags={**range_tags([BlockRange(0, 10), BlockRange(20, 30)]), REFRESH_TAG: "true"},
            raise_on_error=False,
        )

    age(lab, ENRICHED_BLOCKS, 3)
    enrich()
    (asked,) = ops.approvals.all()
    ops.approvals.approve(asked.id, who="ada", why="new decoder")
    assert "with decoded_blocks among its assets" in failure_of(enrich())
    assert ops.approvals.get(asked.id).state == "approved"
