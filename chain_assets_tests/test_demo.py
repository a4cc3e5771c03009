"""The demo on chains that are shorter than those of `make demo`."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from chain_assets.assembly import open_lake
from chain_assets.chains import DevnetShape
from chain_assets.config import Settings, load_settings
from chain_assets.core.errors import ConfigError
from chain_assets.core.schemas import TABLES
from chain_assets.demo import CHAINS, QUESTIONS, _next_steps, run_demo


def short_settings(folder: Path) -> Settings:
    shipped = load_settings({})
    shape = DevnetShape(seed=3, blocks=130, transactions_per_block=2)
    chains = {name: replace(shipped.chain(name), devnet=shape) for name in CHAINS}
    return replace(shipped, chains=chains, lake=str(folder / "lake"), engine="local")


def run(settings: Settings) -> str:
    output = io.StringIO()
    run_demo(Console(file=output, width=100), settings)
    return output.getvalue()


def test_the_demo_fills_lake_and_history_and_a_second_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    settings = short_settings(tmp_path)

    first = run(settings)

    for line in (*QUESTIONS, "What is in the lake", "make dev"):
        assert line in first
    tables = open_lake(settings)
    for name in CHAINS:
        rows = tables.read(TABLES["enriched_blocks"], columns=["number"], chain=name)
        assert sorted(rows["number"].to_pylist()) == list(range(130))
    with dg.DagsterInstance.get() as instance:
        ranges = instance.get_materialized_partitions(dg.AssetKey(["devnet", "enriched_blocks"]))
        assert ranges == {"000000000000-000000000099", "000000000100-000000000199"}

    before = versions(settings)
    second = run(settings)
    assert second.count("nothing to do") == 2
    assert versions(settings) == before


def test_without_a_dagster_home_the_history_goes_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "DAGSTER_HOME is not set" in run(short_settings(tmp_path))
    assert (tmp_path / ".dagster_home" / "history").is_dir()


def test_a_deployment_without_the_devnets_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="devnet"):
        run(replace(short_settings(tmp_path), chains={}))


def test_beside_a_real_chain_one_is_told_how_to_see_the_devnets(tmp_path: Path) -> None:
    settings = replace(short_settings(tmp_path), enabled=("ethereum",))
    shown = _next_steps(settings, settings.chain(CHAINS[0]), shown=False)
    assert "CHAIN_ASSETS_ENABLED=devnet,devnet-fast make dev" in shown


def versions(settings: Settings) -> dict[str, int]:
    tables = open_lake(settings)
    opened = {name: tables.open(table) for name, table in TABLES.items()}
    return {name: delta.version() for name, delta in opened.items() if delta is not None}
