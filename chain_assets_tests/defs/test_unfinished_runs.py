"""A run that fails or is killed half-way shows the ranges that it has done."""

from __future__ import annotations

import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus as PartitionStatus

from chain_assets.defs.assets import layer_run
from chain_assets.defs.names import DECODED, LAYERS, RAW, partitions_name
from chain_assets.defs.partitions import block_ranges
from chain_assets_tests.defs.lab import Lab


def test_the_ranges_before_the_one_that_failed_are_shown_as_done(lab: Lab) -> None:
    keys = lab.open_ranges()
    above = "000000000030-000000000039"
    lab.instance.add_dynamic_partitions(partitions_name(lab.chain), [above])

    # The head is 24: there is nothing to fetch for the last range.
    assert not lab.run(keys[0], above).success

    shown = lab.materializations(RAW)
    assert sorted(shown) == keys
    assert shown[keys[1]].metadata["blocks"].value == 10
    assert shown[keys[1]].metadata["head"].value == 24
    assert lab.materializations(DECODED) == {}
    # What the partitions' page of the UI says.
    done, failed = PartitionStatus.MATERIALIZED, PartitionStatus.FAILED
    statuses = lab.instance.get_status_by_partition(
        lab.key(RAW), [*keys, above], block_ranges(lab.chain)
    )
    assert statuses == {**dict.fromkeys(keys, done), above: failed}


@pytest.mark.parametrize(
    ("every", "events"),
    [
        pytest.param(60.0, 1, id="a short run logs each range once"),
        pytest.param(0.0, 2, id="a long one as soon as it is done, and once more at its end"),
    ],
)
def test_a_long_run_shows_its_ranges_while_it_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, every: float, events: int
) -> None:
    monkeypatch.setattr(layer_run, "LOG_EVERY_SECONDS", every)
    keys = lab.open_ranges()
    result = lab.run(keys[0], keys[-1])
    assert result.success
    for layer in LAYERS:
        logged = [
            event.partition or ""
            for event in result.all_events
            if event.is_step_materialization and event.asset_key == lab.key(layer)
        ]
        assert sorted(logged) == sorted(keys * events)
        # The one at the end counts: it has the columns and their lineage.
        assert all(
            "dagster/column_schema" in found.metadata
            for found in lab.materializations(layer).values()
        )
        assert lab.verdicts(layer, "gaps") == dict.fromkeys([None, *keys], True)
