"""The short forms of chaos: each kind of trouble once, each fault point met, dozens of kills; and a
few on a lake in a bucket, where each request takes its time and may be cut short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chain_assets_tests.chaos.child import Ambush
from chain_assets_tests.chaos.points import BIRTH, PLACES, Place, need_of
from chain_assets_tests.chaos.storm import TROUBLES
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.verdict import judged_storm

SEED = 7
_ROUNDS = 5


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[Tally], None]:
    """Prints a storm's counts: which storm it was belongs in the log."""

    def show(tally: Tally) -> None:
        with capsys.disabled():
            print("", *tally.lines(), sep="\n")  # noqa: T201

    return show


def test_a_lake_that_was_killed_at_all_its_fault_points_heals(
    tmp_path: Path, tell: Callable[[Tally], None]
) -> None:
    with judged_storm(tmp_path, seed=SEED, tell=tell) as storm:
        storm.found_lake(kills=3)
        by_need = {need_of(place): place for place in PLACES if place not in BIRTH}
        for place in by_need.values():
            storm.strike(place)
        for table in ("decoded_logs", "block_proofs", "enriched_transactions"):
            storm.flip(Place("commit made", table))
        for table in ("decoded_logs", "enriched_transactions"):
            storm.sleep(Place("commit to make", table))
        for trouble in (*TROUBLES, "moment"):
            storm.trouble(trouble, Ambush(Place("rows marked", "decoded_blocks"), 1, "kill"))
        for _ in range(_ROUNDS):
            storm.round()
        for place in storm.tally.never_met * 2:
            if not storm.tally.visits[place]:
                storm.strike(place)
    assert not storm.tally.never_met
    assert storm.tally.all_kills >= 15


def test_a_lake_in_a_bucket_heals_too(tmp_path: Path, tell: Callable[[Tally], None]) -> None:
    with judged_storm(tmp_path, seed=SEED, s3=True, tell=tell) as storm:
        storm.found_lake(kills=2)
        # Few: after each kill every table of every range is told of its next writer, and a bucket
        # takes its time over each.
        storm.strike(Place("rows marked", "decoded_blocks"))
        storm.flip(Place("commit made", "decoded_logs"))
        storm.sleep(Place("commit to make", "decoded_logs"))
    assert storm.tally.all_kills >= 3
