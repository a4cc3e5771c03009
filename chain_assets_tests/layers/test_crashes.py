"""Killed anywhere: the next run ends as a clean one."""

from __future__ import annotations

import multiprocessing
import random
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import Commit, LakeTables
from chain_assets.sources.devnet import Fault, Faults
from chain_assets_tests.killing import Killed
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_as_clean,
    live_files,
    small_chain,
)

_COMMITS = 2 + len(DECODED_TABLES) + len(ENRICHED_TABLES)


class _Mortal(LakeTables):
    """Dies before its commit number `last`, counted from 0; marks and raw_blocks count too."""

    def __init__(self, storage: Storage, *, last: int) -> None:
        super().__init__(storage)
        self._left = last

    def replace_in_ranges(self, *arguments: Any, **named: Any) -> Commit:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return super().replace_in_ranges(*arguments, **named)


@pytest.mark.parametrize("commit", range(_COMMITS))
def test_a_run_that_dies_before_any_commit_is_finished_by_the_next(
    tmp_path: Path, commit: int
) -> None:
    pipeline = Pipeline.on_devnet(tmp_path / "lake", chain=small_chain(blocks=6, finality=5))
    pipeline.run(0, 5)
    head = pipeline.net.reorg(3)
    dying = replace(pipeline, tables=_Mortal(pipeline.tables.storage, last=commit))
    with pytest.raises(Killed):
        dying.run(0, head, reference=False)
    pipeline.run(0, head)
    assert_as_clean(pipeline, tmp_path / "clean", last=head)
    files = live_files(pipeline.tables)
    pipeline.run(0, head)
    assert live_files(pipeline.tables) == files


_ALTERED = Faults(rules=(Fault(kind="altered_receipt", blocks=frozenset({9})),))


@pytest.mark.parametrize("commit", range(3 + _COMMITS))
@pytest.mark.parametrize("first_held", [False, True], ids=["decoded", "held"])
def test_a_run_that_dies_while_it_follows_a_flip_survives_the_flip_back(
    tmp_path: Path, commit: int, first_held: bool
) -> None:
    """The rows of the first side that are still there must not pass for whole."""
    pipeline = Pipeline.on_devnet(
        tmp_path / "lake", chain=small_chain(blocks=10, finality=9), engine=LocalEngine(1)
    )
    if first_held:
        pipeline.net.faults = _ALTERED
    pipeline.run(0, 9)
    first_side = pipeline.net.tip.fork
    pipeline.net.faults = Faults()
    pipeline.net.reorg(1, 1)
    dying = replace(pipeline, tables=_Mortal(pipeline.tables.storage, last=commit))
    with suppress(Killed):
        dying.run(0, 9, reference=False)
    pipeline.net.switch(first_side)
    if first_held:
        pipeline.net.faults = _ALTERED
    pipeline.run(0, 9, reference=False)
    assert_as_clean(pipeline, tmp_path / "clean", last=9)


def test_rows_of_a_block_that_the_chain_no_longer_has_are_cleared_away(tmp_path: Path) -> None:
    """Killed before the witness was there, and then the chain became shorter."""
    for commit in range(3, _COMMITS):
        lake = tmp_path / f"lake-{commit}"
        pipeline = Pipeline.on_devnet(lake, chain=small_chain(blocks=9, finality=8))
        pipeline.run(0, 8)
        pipeline.net.advance(1)
        dying = replace(pipeline, tables=_Mortal(pipeline.tables.storage, last=commit))
        with pytest.raises(Killed):
            dying.run(0, 9, reference=False)
        pipeline.net.reorg(2, 1)
        pipeline.run(0, 8)
        assert_as_clean(pipeline, tmp_path / f"clean-{commit}", last=8)


def _run_and_say_when(lake: Path, started: Path) -> None:
    pipeline = Pipeline.on_devnet(lake)
    started.touch()
    pipeline.run(0, 24)


def test_a_process_that_is_killed_at_any_moment_leaves_a_lake_that_heals(tmp_path: Path) -> None:
    moments = random.Random(1)
    for attempt in range(2):
        started = tmp_path / f"started-{attempt}"
        process = multiprocessing.get_context("spawn").Process(
            target=_run_and_say_when, args=(tmp_path / "lake", started)
        )
        process.start()
        while not started.exists() and process.is_alive():
            time.sleep(0.01)
        time.sleep(moments.uniform(0.05, 0.8))
        process.kill()
        process.join()
    pipeline = Pipeline.on_devnet(tmp_path / "lake")
    pipeline.run(0, 24)
    assert_as_clean(pipeline, tmp_path / "clean", last=24)
