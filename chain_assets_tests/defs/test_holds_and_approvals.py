"""Held blocks are asked for when they are due, and a halted chain waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from chain_assets.assembly import open_ops
from chain_assets.defs.approvals_job import approvals_job
from chain_assets.defs.resources import build_resources
from chain_assets.defs.writing import BLOCKS_TAG
from chain_assets.ops.store import OpsStore
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.defs.lab import CHAIN, Lab, failure_of, open_lab


@pytest.fixture
def ops(lab: Lab) -> Iterator[OpsStore]:
    with open_ops(lab.settings, lab.tables) as store:
        yield store


def _requested(lab: Lab) -> list[dg.RunRequest]:
    return list(lab.sensor_tick().run_requests or [])


def test_just_the_blocks_that_are_due_are_asked_for_and_heal(lab: Lab, ops: OpsStore) -> None:
    lab.devnet.faults = Faults(rules=(Fault(kind="null_block", blocks=frozenset({4})),))
    keys = lab.open_ranges()
    lab.run(*keys)
    chain = lab.chain.name
    (hold,) = ops.holds.find(chain)
    assert (hold.number, hold.stage) == (4, "fetch")
    assert not _requested(lab), "it is not due yet"
    lab.devnet.faults = Faults()
    ops.holds.wake(chain, numbers=[4])
    (request,) = _requested(lab)
    assert request.partition_key == keys[0]
    assert request.tags[BLOCKS_TAG] == "4"
    lab.run_request(request)
    assert not ops.holds.find(chain)
    assert not _requested(lab)


def test_a_halted_chain_goes_on_when_a_person_approves_it_in_dagster(
    lab: Lab, ops: OpsStore
) -> None:
    lab.run(*lab.open_ranges())
    lab.devnet.reorg(12)
    assert "ChainHalted" in str(lab.sensor_tick().skip_reason)
    (asked,) = ops.approvals.all("pending")
    config = {"action": "approve", "approval": asked.id, "who": "ada", "why": "it was looked into"}
    resources = build_resources(lab.settings)
    result = approvals_job.execute_in_process(
        instance=lab.instance,
        resources={name: resources[name] for name in ("lake", "ops")},
        run_config={"ops": {"decide": {"config": config}}},
    )
    assert result.success
    assert ops.approvals.get(asked.id).decided_by == "ada"
    assert _requested(lab), "the work goes on where it stood"


def test_nobody_approves_without_a_name_and_a_reason(lab: Lab, ops: OpsStore) -> None:
    resources = build_resources(lab.settings)
    with pytest.raises(Exception, match="who decides, and why"):
        approvals_job.execute_in_process(
            instance=lab.instance,
            resources={name: resources[name] for name in ("lake", "ops")},
            run_config={"ops": {"decide": {"config": {"action": "approve", "approval": "x"}}}},
        )


def test_a_large_backfill_waits_for_a_person_and_following_the_head_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = replace(CHAIN, approve_backfill_above=15)
    with open_lab(tmp_path, monkeypatch, chain=chain) as lab:
        keys = lab.open_ranges()
        lab.run(keys[-1])
        refused = lab.run(*keys)
        assert not refused.success
        assert "a backfill of 20 blocks" in failure_of(refused)
        with open_ops(lab.settings, lab.tables) as ops:
            (asked,) = ops.approvals.all("pending")
            ops.approvals.approve(asked.id, who="ada", why="it is wanted")
        assert lab.run(*keys).success
        assert lab.run(*keys).success, "nothing is left to be fetched"
