"""`chain-assets follow` as a process of its own, on a real node: called, stopped, killed, shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import ConfigError
from chain_assets.core.schemas.enriched import BLOCKS as ENRICHED_BLOCKS
from chain_assets.defs.following_report import DagsterReport, open_instance
from chain_assets.defs.names import layer_keys, partitions_name
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.anvil import CHAIN_ID, Anvil, running_anvil
from chain_assets_tests.chains_file import write
from chain_assets_tests.lake_fixtures import Pipeline

_MAIN = "from chain_assets.cli import main; main()"
_SECRET = "s3cr3t-key-0123456789"


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with running_anvil("--slots-in-an-epoch", "4") as node:
        yield node


class Follow:
    """The command, running, with what it prints."""

    def __init__(self, folder: Path, node: Anvil, *arguments: str, subscribe: bool) -> None:
        chains = write(
            folder,
            {
                "chain_id": str(CHAIN_ID),
                "ws_url_env": '["TST_WS_URL"]',
                "block_time_seconds": "60" if subscribe else "1",
                "requires": "[]",
            },
        )
        environ = {k: v for k, v in os.environ.items() if not k.startswith("CHAIN_ASSETS_")}
        environ |= {
            "CHAIN_ASSETS_CHAINS": str(chains),
            "CHAIN_ASSETS_LAKE": str(folder / "lake"),
            "TST_RPC_URL": f"{node.url}/?key={_SECRET}",
            "DAGSTER_HOME": "",
        }
        if subscribe:
            environ["TST_WS_URL"] = environ["TST_RPC_URL"].replace("http", "ws")
        self.tables = LakeTables(Storage(str(folder / "lake")))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, "follow", "--chain", "tst", *arguments],
            env=environ,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def reach(self, number: int) -> None:
        """Wait until block `number` is enriched."""
        end = time.monotonic() + 90
        while number not in _enriched(self.tables):
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> str:
        """Send a signal, and give what was printed."""
        self.process.send_signal(number)
        printed, _ = self.process.communicate(timeout=60)
        return printed


def _enriched(tables: LakeTables) -> set[int]:
    return set(tables.read(ENRICHED_BLOCKS, columns=["number"])["number"].to_pylist())


@contextmanager
def _following(*arguments: object, subscribe: bool = False) -> Iterator[Follow]:
    folder, node, *more = arguments
    assert isinstance(folder, Path)
    assert isinstance(node, Anvil)
    follow = Follow(folder, node, *map(str, more), subscribe=subscribe)
    try:
        yield follow
    finally:
        if follow.process.poll() is None:
            follow.process.kill()
            follow.process.communicate()


def test_it_is_called_by_the_node_and_leaves_when_it_is_told_to(
    tmp_path: Path, anvil: Anvil
) -> None:
    with _following(tmp_path, anvil, subscribe=True) as follow:
        follow.reach(0)
        # Of a chain with a block a minute the head is polled every three seconds at most, and not
        # for two minutes while the node calls.
        for number in range(1, 4):
            anvil.send({"value": 1})
            anvil.mine()
            follow.reach(number)
        printed = follow.end(signal.SIGTERM)
    assert follow.process.returncode == 0, printed
    assert "the next follower goes on from here" in printed
    assert _SECRET not in printed
    with _following(tmp_path, anvil) as second:
        anvil.mine()
        second.reach(4)
        assert "goes on" in second.end(signal.SIGINT)
    assert second.process.returncode == 0


def test_a_reorg_of_the_node_is_followed_and_a_killed_follower_succeeded(
    tmp_path: Path, anvil: Anvil
) -> None:
    with _following(tmp_path, anvil) as killed:
        anvil.mine(6)
        killed.reach(6)
        killed.end(signal.SIGKILL)
    anvil.rpc("anvil_reorg", 3, [])
    anvil.mine(2)
    with _following(tmp_path, anvil, "--wait", "90") as follow:
        follow.reach(8)
        rows = follow.tables.read(ENRICHED_BLOCKS, columns=["number", "hash"]).to_pylist()
        follow.end(signal.SIGTERM)
    node = {
        number: anvil.rpc("eth_getBlockByNumber", hex(number), False)["hash"] for number in range(9)
    }
    assert {row["number"]: f"0x{row['hash'].hex()}" for row in rows} == node


def test_a_second_one_leaves_with_one_line(tmp_path: Path, anvil: Anvil) -> None:
    with _following(tmp_path, anvil) as first:
        first.reach(0)
        with _following(tmp_path, anvil) as second:
            printed, _ = second.process.communicate(timeout=90)
        assert second.process.returncode == 1
        assert "LeaseTaken" in printed
        assert "has the lease of follow head" in printed


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_dagster_shows_the_ranges_that_were_followed(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    tell = DagsterReport(pipeline.chain, pipeline.tables, instance)
    for report in pipeline.run(10, 24):
        tell(report)
    keys = [BlockRange(start, start + 10).key for start in (0, 10, 20)]
    # Also the range that was not followed: it could not be put before the others later.
    assert instance.get_dynamic_partitions(partitions_name(pipeline.chain)) == keys
    for asset in layer_keys(pipeline.chain):
        assert instance.get_materialized_partitions(asset) == set(keys[1:])
        event = instance.get_latest_materialization_event(asset)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == keys[2]
        assert event.asset_materialization.metadata["blocks_written"].value == 5


def test_a_dagster_that_cannot_be_told_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        tell = DagsterReport(pipeline.chain, pipeline.tables, instance)
    for file in tmp_path.rglob("*.db"):
        file.unlink()
        file.mkdir()
    (report, *_) = pipeline.run(20, 24)
    tell(report)
    assert "Dagster was not told of" in caplog.text


def test_a_report_that_was_asked_for_needs_a_dagster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert open_instance(needed=False) is None
    with pytest.raises(ConfigError, match="DAGSTER_HOME is not set"):
        open_instance(needed=True)


@pytest.mark.parametrize("home", ["not-there", "/not/there"])
@pytest.mark.parametrize("needed", [True, False])
def test_a_dagster_home_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, home: str, needed: bool
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", home)
    with pytest.raises(ConfigError, match=rf"DAGSTER_HOME .*{home}.*Set it to the folder"):
        open_instance(needed=needed)
