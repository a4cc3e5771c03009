"""A layer is healthy, then late, then stale, as time goes by without a materialization."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import freeze_time

from chain_assets.chains import Chain, DevnetShape
from chain_assets.config import load_settings
from chain_assets.definitions import build_definitions
from chain_assets.defs.names import LAYERS, layer_keys
from chain_assets_tests.defs.lab import CHAIN, Lab, lab_settings

# The lab's chain counts as late after 60 seconds, as stale after 120.
WINDOWS = [
    (0.0, FreshnessState.PASS),
    (55.0, FreshnessState.PASS),
    (65.0, FreshnessState.WARN),
    (125.0, FreshnessState.FAIL),
]


def state_of(lab: Lab, layer: str, *, at: float) -> FreshnessState:
    """What Dagster's daemon makes of the layer at `at` (Unix seconds)."""
    node = lab.definitions.resolve_asset_graph().get(lab.key(layer))
    context = LoadingContextForTest(lab.instance)
    with freeze_time(at):
        evaluation = TimeWindowFreshnessPolicyEvaluator().evaluate_freshness(context, node)
        return asyncio.run(evaluation)


def test_a_layer_is_late_and_then_stale_after_its_chain_s_windows(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert state_of(lab, LAYERS[0], at=time.time()) == FreshnessState.UNKNOWN
    assert lab.run(keys[0], keys[-1]).success
    for layer in LAYERS:
        record = lab.instance.get_latest_materialization_event(lab.key(layer))
        assert record is not None
        found = [(s, state_of(lab, layer, at=record.timestamp + s)) for s, _ in WINDOWS]
        assert found == WINDOWS


def test_a_materialization_of_any_range_makes_a_stale_layer_healthy_again(lab: Lab) -> None:
    keys = lab.open_ranges()
    assert lab.run(keys[0], keys[1]).success
    later = time.time() + 200
    assert state_of(lab, LAYERS[0], at=later) == FreshnessState.FAIL
    with freeze_time(datetime.fromtimestamp(later, UTC)):
        lab.instance.report_runless_asset_event(
            dg.AssetMaterialization(lab.key(LAYERS[0]), partition=keys[2])
        )
    assert state_of(lab, LAYERS[0], at=later + 1) == FreshnessState.PASS
    assert state_of(lab, LAYERS[1], at=later + 1) == FreshnessState.FAIL


MOVING = DevnetShape(genesis=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("chain", "watched"),
    [
        pytest.param(CHAIN, True, id="a node"),
        pytest.param(replace(CHAIN, source="devnet", devnet=MOVING), True, id="a live devnet"),
        pytest.param(replace(CHAIN, source="devnet", devnet=DevnetShape()), False, id="a devnet"),
        pytest.param(replace(CHAIN, source="recorded", recorded_env="X"), False, id="recorded"),
        pytest.param(load_settings({}).chain("devnet"), False, id="the demo's"),
    ],
)
def test_only_a_chain_whose_head_moves_can_be_late(
    tmp_path: Path, chain: Chain, watched: bool
) -> None:
    graph = build_definitions(lab_settings(chain, tmp_path, "local")).resolve_asset_graph()
    policies = [graph.get(key).freshness_policy_or_from_metadata for key in layer_keys(chain)]
    assert len(policies) == len(LAYERS)
    assert all((policy is not None) == watched for policy in policies)
