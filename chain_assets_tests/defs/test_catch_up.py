"""The schedule that loads history: in the order of the command, at the pace of the pool."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG

from chain_assets.assembly import open_ops
from chain_assets.core.attempts import FIRST_REST_SECONDS
from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.defs import catch_up, catch_up_history
from chain_assets.defs.catch_up_history import BLOCKS_TAG, LEFT_TAG
from chain_assets.defs.names import layers_job_name
from chain_assets.defs.partitions import registered_keys
from chain_assets.layers.following import follower_key
from chain_assets.layers.standing import standing_of
from chain_assets.sources.devnet import DevnetSource
from chain_assets_tests.defs.catch_up_ticks import asked, run, skipped, span, tick
from chain_assets_tests.defs.lab import CHAIN, URL_VARIABLE, Lab, open_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """45 blocks, of which 0 to 36 are final: three ranges are closed, two open. 20 blocks a run."""
    monkeypatch.setattr(catch_up, "BLOCKS_PER_RUN", 20)
    with open_lab(tmp_path, monkeypatch, blocks=45, on_disk=True) as opened:
        yield opened


def test_all_is_loaded_in_the_order_of_the_command_and_partitions_show_it(lab: Lab) -> None:
    with open_ops(lab.settings, lab.tables) as ops:
        behind = standing_of(lab.chain, DevnetSource(lab.devnet), lab.tables, ops)
    order = [standing.block_range.start for standing in behind]
    assert order == [40, 30, 0, 10, 20]
    taken, left = [], []
    while isinstance(answer := tick(lab), list):
        (request,) = answer
        taken.append(span(request))
        left.append(request.tags[LEFT_TAG])
        run(lab, request)
    assert taken == [(40, 49), (30, 39), (0, 19), (20, 29)]
    assert "nothing is behind; the head is 44" in str(answer)
    assert left[0] == "5 ranges, 45 blocks", "nothing is done yet to reckon with"
    assert left[3].startswith("1 range, 10 blocks, some 0:00:")
    assert lab.numbers(BLOCKS) == list(range(45))
    assert len(lab.materializations("enriched_blocks")) == 5
    assert registered_keys(lab.chain, lab.instance) == sorted(lab.materializations("raw_blocks"))


def test_a_head_that_moves_with_every_run_does_not_keep_history_waiting(lab: Lab) -> None:
    taken = []
    for _ in range(8):
        request = asked(lab)
        taken.append(span(request)[0])
        run(lab, request)
        lab.devnet.advance(1)
    assert {0, 20} <= set(taken), "history went on"
    assert taken.count(40) > 2, "and so did the head"


def test_a_range_whose_run_failed_rests_and_then_runs_alone(lab: Lab) -> None:
    for _ in range(2):
        run(lab, asked(lab))
    request = asked(lab)
    assert span(request) == (0, 19)
    job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
    tags = {name: value for name, value in request.tags.items() if name != PARTITION_NAME_TAG}
    lab.instance.report_run_failed(lab.instance.create_run_for_job(job, tags=tags))
    assert span(asked(lab)) == (20, 29), "the others go on"
    run(lab, asked(lab))
    assert "2 ranges rest whose runs failed; left: 2 ranges, 20 blocks" in skipped(lab)
    for expected in ((0, 9), (10, 19)):
        again = asked(lab, later=FIRST_REST_SECONDS + 1)
        assert span(again) == expected
        run(lab, again)
    assert "nothing is behind" in skipped(lab)


def test_open_ranges_are_left_to_a_follower(lab: Lab) -> None:
    with open_ops(lab.settings, lab.tables) as ops:
        with ops.held(follower_key(lab.chain), owner="a follower"):
            for expected in ((0, 19), (20, 29)):
                request = asked(lab)
                assert span(request) == expected
                run(lab, request)
            assert "left to the follower; left: 2 ranges, 15 blocks" in skipped(lab)
        assert span(asked(lab)) == (40, 49)


def test_a_range_that_stays_behind_is_not_asked_for_again_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However many runs there were since.
    monkeypatch.setattr(catch_up_history, "_MEASURED_RUNS", 1)
    while isinstance(answer := tick(lab), list):
        run(lab, answer[0])
    partition = {"chain": lab.chain.name, "block_range": "000000000000-000000000009"}
    lab.tables.replace_blocks(BLOCKS, [], partition=partition, numbers=[4])
    assert "within the last hour" in skipped(lab)
    assert span(asked(lab, later=3_700)) == (0, 9)
    run(lab, asked(lab, later=3_700))
    assert lab.numbers(BLOCKS) == list(range(45))


def test_a_large_history_waits_for_a_person_and_one_approval_lasts_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "BLOCKS_PER_RUN", 10)
    chain = replace(CHAIN, approve_backfill_above=15)
    with (
        open_lab(tmp_path, monkeypatch, chain=chain, blocks=45, on_disk=True) as lab,
        open_ops(lab.settings, lab.tables) as ops,
    ):
        assert "a backfill of 30 blocks" in skipped(lab)
        (question,) = ops.approvals.all("pending")
        ops.approvals.approve(question.id, who="ada", why="it is wanted")
        for _ in range(2):
            run(lab, asked(lab))
        request = asked(lab)
        job = lab.definitions.resolve_job_def(layers_job_name(lab.chain))
        tags = {**request.tags, PARTITION_NAME_TAG: request.partition_key or ""}
        lab.instance.report_run_failed(lab.instance.create_run_for_job(job, tags=tags))
        for later in (0.0, FIRST_REST_SECONDS + 1):
            while isinstance(answer := tick(lab, later=later), list):
                assert ops.approvals.get(question.id).state == "approved"
                run(lab, answer[0])
        # Also where the sensor has taken what is new at the head before the schedule ticks.
        assert "nothing is behind" in skipped(lab)
        assert [approval.state for approval in ops.approvals.all()] == ["used"]
        assert lab.numbers(BLOCKS) == list(range(45))


def test_a_halted_chain_and_a_node_that_does_not_answer_are_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        run(lab, asked(lab))
    lab.devnet.reorg(12)
    assert "chain-assets approvals show" in skipped(lab)
    monkeypatch.delenv(URL_VARIABLE)
    assert URL_VARIABLE in skipped(lab)


def test_nobody_but_a_person_switches_it_on(lab: Lab) -> None:
    schedule = lab.definitions.resolve_schedule_def("lab_net_catch_up")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert "consent" in (schedule.description or "")
    assert lab.definitions.get_sensor_def("lab_net_head").default_status == (
        dg.DefaultSensorStatus.RUNNING
    )


def test_the_tags_of_its_runs_say_how_many_blocks_they_are_for(lab: Lab) -> None:
    assert asked(lab).tags[BLOCKS_TAG] == "5"


def test_runs_and_ticks_keep_to_the_rate_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = replace(CHAIN, requests_per_second=20.0)
    with open_lab(tmp_path, monkeypatch, chain=chain, blocks=45, on_disk=True) as lab:
        request = asked(lab)
        started = time.monotonic()
        run(lab, request)
        # Five blocks are ten requests, beside heads and headers.
        assert time.monotonic() - started > 0.45
        assert lab.numbers(BLOCKS) == list(range(40, 45))
        with open_ops(lab.settings, lab.tables) as ops:
            # As another process does that asks the same node for twenty blocks.
            ops.rates.take(chain.name, 40, per_second=20.0)
        started = time.monotonic()
        asked(lab)
        assert time.monotonic() - started > 1.9
