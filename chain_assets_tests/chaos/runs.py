"""Runs of the pipeline in processes of their own, and what they leave behind, counted."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any

from chain_assets.core.block_range import BlockRange
from chain_assets_tests.chaos.child import KILLED, Ambush, Job, Outcome, outcome_file
from chain_assets_tests.chaos.nursery import Nursery
from chain_assets_tests.chaos.points import PLACES
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.world import World

_BY_LINE = {f"{place.point}|{place.part}": place for place in PLACES}


class Runs:
    """Makes jobs in `world`, has them done, and fails where one ends as none may."""

    def __init__(self, world: World, nursery: Nursery, draws: Random, tally: Tally) -> None:
        self.nursery = nursery
        self._world, self._draws, self._tally = world, draws, tally
        self._jobs = 0

    def job(self, spans: tuple[BlockRange, ...], *ambushes: Ambush) -> Job:
        """A run of the pipeline over `spans`."""
        return Job(
            chain=self._world.chain,
            url=self._world.url,
            lake=self._world.lake,
            ops_url=self._world.ops_url,
            log=self.new_log(),
            spans=spans,
            seed=self._draws.getrandbits(32),
            reference=self._world.metadata.now,
            patient=self._draws.random() < 0.4,
            refreshes=self._draws.random() < 0.1,
            ambushes=ambushes,
        )

    def run(
        self,
        job: Job,
        *,
        kill_after: float | None = None,
        during: AbstractContextManager[Any] | None = None,
    ) -> Outcome | None:
        """Do `job`; its outcome, None where it was killed."""
        with during or nullcontext():
            pid = self.nursery.start(job)
            if kill_after is not None:
                time.sleep(kill_after)
                self.nursery.kill(pid)
            return self.collect(job, self.nursery.wait(pid))

    def collect(self, job: Job, end: str) -> Outcome | None:
        """Count what `job`, which has come to `end`, did; its outcome, None where it was killed."""
        lines = job.log.read_text().splitlines() if job.log.exists() else []
        met = [_BY_LINE[line] for line in lines if not line.startswith(KILLED)]
        self._tally.visits.update(met)
        if end == "killed":
            killed_at = [_BY_LINE[line[1:]] for line in lines if line.startswith(KILLED)]
            self._tally.kills.update(killed_at)
            self._tally.events["kills at a random moment"] += not killed_at
            return None
        assert end == "ended", f"{job.log.stem} {end} by itself, after {met[-1:]}"
        outcome = Outcome(**json.loads(outcome_file(job).read_text()))
        assert outcome.expected, f"{job.log.stem}, seed {self._tally.seed}: {outcome.text}"
        self._tally.events["runs"] += 1
        if outcome.error:
            self._tally.errors[outcome.error] += 1
        return outcome

    def new_log(self) -> Path:
        """A file for the log of the next run."""
        self._jobs += 1
        folder = self._world.folder / "runs"
        folder.mkdir(exist_ok=True)
        return folder / f"run-{self._jobs}.log"
