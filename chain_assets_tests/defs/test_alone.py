"""A layer or a check by itself, as the buttons on their pages run it; and what the lag says."""

from __future__ import annotations

import re

import dagster as dg
import pytest

from chain_assets.defs.audits import AUDITS
from chain_assets.defs.names import DECODED, LAYERS
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.lab import QUIET, Lab


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_alone_is_materialized_with_its_own_checks(lab: Lab, layer: str) -> None:
    """As the button on an asset's page does."""
    key = lab.open_ranges()[0]
    assert lab.run_tagged({"dagster/partition": key}).success
    job = lab.definitions.resolve_implicit_global_asset_job_def()
    result = job.get_subset(asset_selection={lab.key(layer)}).execute_in_process(
        instance=lab.instance, partition_key=key, raise_on_error=False, run_config=QUIET
    )
    assert result.success
    found = {(e.asset_key, e.check_name) for e in result.get_asset_check_evaluations()}
    assert found == {(lab.key(layer), name) for name in (*AUDITS[layer], "lag")}


def test_a_check_alone_is_executed(lab: Lab) -> None:
    key = lab.open_ranges()[0]
    assert lab.run_tagged({"dagster/partition": key}).success
    job = lab.definitions.resolve_implicit_global_asset_job_def()
    for name in ("gaps", "lag"):
        alone = {dg.AssetCheckKey(lab.key(DECODED), name)}
        result = job.get_subset(
            asset_selection=set(), asset_check_selection=alone
        ).execute_in_process(instance=lab.instance, partition_key=key, raise_on_error=False)
        assert [e.check_name for e in result.get_asset_check_evaluations()] == [name]
        assert result.success


def test_the_lag_says_what_is_there_and_why_the_head_is_not_known(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[-1]).success
    lab.devnet.faults = Faults(rules=(Fault(kind="refuse"),))
    result = lab.definitions.resolve_job_def("lab_net_lag").execute_in_process(
        instance=lab.instance
    )
    assert result.success
    for evaluation in result.get_asset_check_evaluations():
        assert not evaluation.passed
        assert re.match(
            "the newest is block 24; how far that is behind is not known: SourceUnavailable: ",
            evaluation.description or "",
        )


def test_the_lag_warns_where_a_layer_is_behind_and_passes_where_it_is_not(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[-1]).success
    for layer in LAYERS:
        assert lab.verdicts(layer, "lag") == {None: True}

    lab.devnet.advance(6)
    result = lab.definitions.resolve_job_def("lab_net_lag").execute_in_process(
        instance=lab.instance
    )

    assert result.success, "the lag never blocks"
    for evaluation in result.get_asset_check_evaluations():
        assert not evaluation.passed
        assert evaluation.severity == dg.AssetCheckSeverity.WARN
        assert evaluation.metadata["lag_blocks"].value == 6
        assert evaluation.metadata["lag_seconds"].value == 72.0
