"""kill -9 of `chain-assets demo`: its run does not stay STARTED, and the next demo goes on."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher.base import WorkerStatus
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from chain_assets.core.errors import AlreadyRunning
from chain_assets.defs.launcher import MonitoredRunLauncher
from chain_assets.defs.process_lock import LOCK_TAG, held_lock, is_gone
from chain_assets_tests.defs.server import ROOT, wait_until

_DEMO = """
import sys
from pathlib import Path
from chain_assets_tests.test_demo import run, short_settings
print(run(short_settings(Path(sys.argv[1]))))
"""


def demo(folder: Path) -> subprocess.Popen[bytes]:
    """A demo of short chains in a process of its own, with the repository's dagster.yaml."""
    environment = {**os.environ, "DAGSTER_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _DEMO, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def run_of(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> Any:
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=[status]))
    return records[0] if records else None


def test_the_run_of_a_killed_demo_is_marked_as_failed(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, MonitoredRunLauncher)
    first = demo(tmp_path)
    record = wait_until(
        lambda: run_of(instance, dg.DagsterRunStatus.STARTED), seconds=90, what="the demo's run"
    )
    # Stopped, it is alive, and cannot end before it was looked at.
    first.send_signal(signal.SIGSTOP)
    assert launcher.check_run_worker_health(record.dagster_run).status == WorkerStatus.RUNNING

    first.kill()
    first.wait()

    assert launcher.check_run_worker_health(record.dagster_run).status == WorkerStatus.NOT_FOUND
    # What Dagster's daemon does with each run that is under way, every ten seconds.
    unused: Any = None
    monitor_started_run(instance, unused, record, logging.getLogger(__name__))
    ended = instance.get_run_by_id(record.dagster_run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE


def test_the_next_demo_ends_the_run_of_a_killed_one_and_does_its_work(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    first = demo(tmp_path)
    killed = wait_until(
        lambda: run_of(instance, dg.DagsterRunStatus.STARTED), seconds=90, what="the demo's run"
    )
    first.kill()
    first.wait()

    second = demo(tmp_path)
    output, _ = second.communicate(timeout=180)

    assert second.returncode == 0
    assert b"What is in the lake" in output
    ended = instance.get_run_by_id(killed.dagster_run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE
    assert run_of(instance, dg.DagsterRunStatus.STARTED) is None


def test_a_lock_is_held_once_and_free_again_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    with held_lock(path) as tags:
        assert tags == {LOCK_TAG: str(path)}
        assert not is_gone(tags[LOCK_TAG])
        with pytest.raises(AlreadyRunning, match=r"demo\.lock"), held_lock(path):
            pass
    assert is_gone(str(path))


def test_a_lock_of_another_machine_tells_nothing(tmp_path: Path) -> None:
    assert not is_gone(str(tmp_path / "nowhere.lock"))
