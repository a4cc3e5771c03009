"""The definitions load anywhere, without secrets, and hold what each chain is to have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.config import Settings, load_settings
from chain_assets.core.errors import ConfigError
from chain_assets.definitions import build_definitions
from chain_assets.defs.names import LAYERS, layer_keys
from chain_assets.defs.resources import build_resources
from chain_assets.lake.storage import S3Access
from chain_assets_tests.defs.lab import CHAIN, lab_settings
from chain_assets_tests.defs.server import ROOT

_PROGRAM = """
import chain_assets.definitions
definitions = chain_assets.definitions.defs()
print(len(list(definitions.resolve_all_asset_specs())))
"""


def test_they_load_in_a_fresh_interpreter_with_an_empty_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error:::chain_assets", "-c", _PROGRAM],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Three layers and three reference tables for each chain that needs no setting up.
    assert int(done.stdout) == 6 * len(load_settings({}).enabled) > 0
    assert list(tmp_path.iterdir()) == [], "loading definitions writes nothing"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["dagster", "definitions", "validate", "-w", "workspace.yaml"], id="dagster"),
        pytest.param(["dg", "check", "defs"], id="dg"),
    ],
)
def test_dagster_and_dg_find_and_accept_them(command: list[str], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [str(program), *command[1:]],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_chain_has_its_layers_checks_jobs_sensor_and_schedules(tmp_path: Path) -> None:
    definitions = build_definitions(lab_settings(CHAIN, tmp_path, "local"))
    graph = definitions.resolve_asset_graph()
    for key in layer_keys(CHAIN):
        node = graph.get(key)
        assert node.group_name == "lab_net"
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.freshness_policy_or_from_metadata == dg.FreshnessPolicy.time_window(
            warn_window=timedelta(seconds=60), fail_window=timedelta(seconds=120)
        )
        assert node.pools == {"lab_net"}
        assert node.owners
        assert node.description
        assert "deltalake" in node.kinds
        assert "dagster/code_references" in node.metadata
        assert node.code_version
    partitions = {graph.get(key).partitions_def for key in layer_keys(CHAIN)}
    assert partitions == {dg.DynamicPartitionsDefinition(name="lab_net_blocks")}
    assert {job.name for job in definitions.resolve_all_job_defs()} >= {
        "lab_net_layers",
        "lab_net_lag",
        "lab_net_upkeep",
    }
    schedules = {f"lab_net_{name}" for name in ("daily", "catch_up", "lag", "compact", "tidy")}
    assert {s.name for s in definitions.schedules or ()} == schedules
    sensor = definitions.get_sensor_def("lab_net_head")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    stopped = build_definitions(lab_settings(replace(CHAIN, follow=False), tmp_path, "local"))
    assert stopped.get_sensor_def("lab_net_head").default_status == dg.DefaultSensorStatus.STOPPED


def test_blocking_checks_of_each_layer_are_of_its_ranges(tmp_path: Path) -> None:
    graph = build_definitions(lab_settings(CHAIN, tmp_path, "local")).resolve_asset_graph()
    for key in layer_keys(CHAIN):
        checks = {k.name: graph.get(k) for k in graph.get_check_keys_for_assets({key})}
        assert {"gaps", "duplicates", "lag"} <= set(checks)
        for name, check in checks.items():
            assert check.blocking == (name not in ("lag", "proofs"))
            assert (check.partitions_def is None) == (name == "lag")


def test_two_chains_that_dagster_could_not_tell_apart_are_refused() -> None:
    chains = {name: replace(CHAIN, name=name) for name in ("a-b", "a_b")}
    with pytest.raises(ConfigError, match="a_b"):
        build_definitions(Settings(chains=chains, enabled=tuple(chains)))


def test_credentials_are_in_no_run_config(tmp_path: Path) -> None:
    access = S3Access(access_key_id="AKIA-visible", secret_access_key="s3cr3t-visible")
    settings = replace(lab_settings(CHAIN, tmp_path, "local"), lake="s3://bucket/x", s3=access)
    definitions = build_definitions(settings)
    configs = [
        json.dumps(resource.config_schema.default_value, default=str)
        for resource in definitions.resolve_job_def("lab_net_layers").resource_defs.values()
        if resource.config_schema.default_provided
    ]
    assert any("bucket" in config for config in configs)
    lake = build_resources(settings)["lake"]
    assert "AWS_SECRET_ACCESS_KEY" in str(lake)
    assert not any("visible" in text for text in (*configs, str(lake), repr(lake)))


def test_the_layers_of_a_lake_in_a_bucket_show_that_they_are_there(tmp_path: Path) -> None:
    settings = replace(lab_settings(CHAIN, tmp_path, "spark"), lake="s3://bucket/x")
    graph = build_definitions(settings).resolve_asset_graph()
    kinds = [graph.get(key).kinds for key in layer_keys(CHAIN)]
    assert len(kinds) == len(LAYERS)
    assert all("s3" in of_layer for of_layer in kinds)
    assert "spark" in kinds[1]
