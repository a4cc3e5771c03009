"""After the storm: everything is as if nothing had ever gone wrong.

faults off, all metadata there ─→ one run by a person ─→ the lake = a clean lake over the final
chain; its journal replays to it; the scanner finds nothing; no hold is left but the one that should
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from chain_assets.core.block_range import BlockRange
from chain_assets.lake.tables import LakeTables
from chain_assets.ops.database import sqlite_url
from chain_assets_tests.chaos.nursery import Nursery
from chain_assets_tests.chaos.soundness import assert_tables_are_sound, gaps, replayed
from chain_assets_tests.chaos.storm import Storm
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.world import open_world
from chain_assets_tests.lake_fixtures import (
    assert_same,
    contents,
    live_files,
    read_all,
)

# A reorg that is too deep is halted once; what a lying node had asked for may come before it.
_MOST_RUNS = 6


@contextmanager
def judged_storm(
    folder: Path, *, seed: int, s3: bool = False, tell: Callable[[Tally], object]
) -> Iterator[Storm]:
    """A storm on a lake in a folder or in a bucket, and at the end of the block the verdict. Raises
    AssertionError; `tell` gets the counts in any case."""
    tally, started = Tally(seed), time.monotonic()
    try:
        with open_world(folder, seed=seed, s3=s3) as world, Nursery() as nursery:
            storm = Storm(world, nursery, Random(seed), tally)
            yield storm
            assert_healed(storm)
    finally:
        tally.seconds = time.monotonic() - started
        tell(tally)


def assert_healed(storm: Storm) -> None:
    """End the storm, let the pipeline run in peace, and compare."""
    world = storm.world
    tables = LakeTables(world.lake)
    assert_tables_are_sound(tables)
    _clear_up(storm)
    _finish(storm)
    files = live_files(tables)
    _run_in_peace(storm)
    assert live_files(tables) == files, "the next run changes nothing"
    _clean_run(storm)
    assert_same(
        contents(tables, canonical_only=True),
        contents(LakeTables(world.clean_lake), canonical_only=True),
    )
    assert_tables_are_sound(tables)
    index = read_all(tables, "raw_blocks").to_pylist()
    canonical = {(row["number"], row["hash"]) for row in index if row["canonical"]}
    assert replayed(tables) == canonical, "block_changes does not replay to raw_blocks"
    numbers = {number for number, _ in canonical}
    assert numbers == set(range(world.head + 1)), sorted(numbers)
    found = gaps(world)
    assert not found, found
    with world.ops() as ops:
        assert _held(storm) == {(world.metadata.never, "enrich")}, _held(storm)
        assert not ops.leases.live(), ops.leases.live()


def _clear_up(storm: Storm) -> None:
    world = storm.world
    storm.weather.calm_node()
    # A lake that has seen higher blocks than the chain has keeps them: the node may just lag.
    world.net.advance(max(1, world.highest + 1 - world.head))
    world.metadata.late_prices.clear()
    world.metadata.late_tokens.clear()


def _finish(storm: Storm) -> None:
    for _ in range(_MOST_RUNS):
        outcome = _run_in_peace(storm)
        halted = storm.decide()
        if not outcome and not halted and len(_held(storm)) == 1:
            return
    raise AssertionError(f"it does not come to an end: {outcome}, held: {_held(storm)}")


def _run_in_peace(storm: Storm) -> str:
    """A person's run over the whole chain; the error it ended with, if any."""
    spans = (BlockRange(0, storm.world.head + 1),)
    outcome = storm.runs.run(
        replace(storm.runs.job(spans), retry=True, patient=False, refreshes=True)
    )
    assert outcome is not None
    return outcome.text


def _clean_run(storm: Storm) -> None:
    world = storm.world
    job = storm.runs.job((BlockRange(0, world.head + 1),))
    ops_url = sqlite_url(world.folder / "clean.db")
    outcome = storm.runs.run(replace(job, lake=world.clean_lake, ops_url=ops_url, patient=False))
    assert outcome is not None
    assert not outcome.error, outcome.text


def _held(storm: Storm) -> set[tuple[int, str]]:
    with storm.world.ops() as ops:
        return {(hold.number, hold.stage) for hold in ops.holds.find(storm.world.chain.name)}
