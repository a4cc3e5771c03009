"""The short form of chaos: each kind of weather once, each fault point met, dozens of kills."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from chain_assets_tests.chaos.nursery import Nursery
from chain_assets_tests.chaos.points import BIRTH, PLACES, need_of
from chain_assets_tests.chaos.storm import Storm
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.verdict import assert_healed
from chain_assets_tests.chaos.world import open_world

SEED = 7
# Enough for each of "pair", "stop", "disk", … to be drawn.
_ROUNDS = 18


def test_a_lake_that_was_killed_at_all_its_fault_points_heals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally, draws, started = Tally(SEED), Random(SEED), time.monotonic()
    with open_world(tmp_path, seed=SEED) as world, Nursery() as nursery:
        storm = Storm(world, nursery, draws, tally)
        storm.found_lake(kills=3)
        by_need = {need_of(place): place for place in PLACES if place not in BIRTH}
        for place in by_need.values():
            storm.strike(place)
        for _ in range(_ROUNDS):
            storm.round()
        assert_healed(storm)
    tally.seconds = time.monotonic() - started
    with capsys.disabled():
        print("", *tally.lines(), sep="\n")  # noqa: T201 - which storm it was belongs in the log
    assert not tally.never_met
    assert tally.all_kills >= 20
