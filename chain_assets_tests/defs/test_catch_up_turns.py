"""The schedule that loads history asks for as many runs as there is room for, and one at least."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.core.block_range import BlockRange
from chain_assets.defs import catch_up
from chain_assets.defs.names import partitions_name
from chain_assets.defs.partitions import range_tags
from chain_assets_tests.defs.catch_up_ticks import asked, run, skipped, span, tick, under_way
from chain_assets_tests.defs.lab import Lab, open_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """45 blocks, of which 0 to 36 are final: three ranges are closed, two open. 20 blocks a run."""
    monkeypatch.setattr(catch_up, "BLOCKS_PER_RUN", 20)
    with open_lab(tmp_path, monkeypatch, blocks=45, on_disk=True) as opened:
        yield opened


def test_it_waits_for_a_run_that_may_be_about_any_block_and_says_what_is_left(lab: Lab) -> None:
    run(lab, asked(lab))
    other = under_way(lab, {})
    assert (
        "4 ranges wait for a run over their blocks that is under way; left: 4 ranges, 40 blocks, "
        "some 0:"
    ) in skipped(lab)
    lab.instance.report_run_canceled(other)
    assert asked(lab)


def test_history_queues_behind_the_runs_on_the_head_one_run_at_a_time(lab: Lab) -> None:
    for _ in range(2):
        run(lab, asked(lab))
    under_way(lab, range_tags([BlockRange(30, 40), BlockRange(40, 50)]))
    request = asked(lab)
    assert span(request) == (0, 19)
    queued = under_way(lab, request.tags)
    assert "a run that was asked for is not done yet; left: 3 ranges, 30 blocks" in skipped(lab)
    lab.instance.report_run_canceled(queued)
    assert span(asked(lab)) == (20, 29)


def test_the_limit_of_the_pool_says_how_many_runs_go_on_at_once_and_none_meet(lab: Lab) -> None:
    lab.instance.event_log_storage.set_concurrency_slots("lab_net", 3)
    answer = tick(lab)
    assert isinstance(answer, list)
    assert [span(request) for request in answer] == [(40, 49), (30, 39), (0, 19)]
    under_way(lab, range_tags([BlockRange(20, 30), BlockRange(30, 40)]))
    answer = tick(lab)
    assert isinstance(answer, list)
    assert [span(request) for request in answer] == [(40, 49), (0, 19)]
    # The head's sensor takes the place that is free, but not those blocks.
    assert "under way" in str(lab.sensor_tick().skip_reason)


def test_ranges_in_front_of_the_partitions_that_there_are_stay_out_and_the_reason_says_so(
    lab: Lab,
) -> None:
    ranges = [BlockRange(first, first + 10) for first in (20, 30)]
    lab.instance.add_dynamic_partitions(partitions_name(lab.chain), [r.key for r in ranges])
    while isinstance(answer := tick(lab), list):
        run(lab, answer[0])
    reason = str(answer.skip_message)
    assert "2 ranges are no partitions" in reason
    assert "chain-assets catch-up loads them; left: 2 ranges, 20 blocks" in reason
