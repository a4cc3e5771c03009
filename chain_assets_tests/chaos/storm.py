"""Round after round: something goes wrong around the pipeline, and it is killed while it runs.

round  ─→ weather ─→ a run is killed, stopped, or has its disk filled ─→ a person decides what is
  ↑                  at the place where the fewest were killed so far    asked of one
  └──────────────────────────────────────────────────────────────────────┘

The draws of a storm are its seed's. What runs side by side meets as the machine has it, so a seed
gives the same storm, but not to the microsecond.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from random import Random
from typing import Any

from chain_assets.core.block_range import BlockRange
from chain_assets_tests.chaos.child import KILLED, Ambush, Job, Outcome, outcome_file
from chain_assets_tests.chaos.nursery import Nursery
from chain_assets_tests.chaos.points import BIRTH, PLACES, Need, Place, need_of
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.weather import Weather
from chain_assets_tests.chaos.world import World

# In the middle of a transaction a stopped process would hold up the ops store of all others.
_STOPS = ("blocks linked", "blocks decoded", "blocks enriched", "commit to make", "rows marked")
_LONGEST_RUN = 1.2


class Storm:
    """A world, and processes that live in it and die."""

    def __init__(self, world: World, nursery: Nursery, draws: Random, tally: Tally) -> None:
        self.world, self.tally = world, tally
        self._nursery, self._draws = nursery, draws
        self.weather = Weather(world, draws, tally)
        self._jobs = 0

    def found_lake(self, places: Sequence[Place]) -> None:
        """The lake's first range, with a kill at each of `places`, which only a new lake has, and
        then all others. The first reorg comes on top."""
        for place in places:
            self.run(self.job((BlockRange(0, 10),), Ambush(place, 1, "kill")))
        self.calm()
        self.weather.reorg(3)
        self.run(self.job(self._head_spans(), Ambush(Place("table to make", "reorgs"), 1, "kill")))

    def round(self) -> None:
        """One round."""
        self.tally.events["rounds"] += 1
        place = self._least_killed()
        need = need_of(place)
        ambush = Ambush(place, 1 if need else self._draws.choice((1, 1, 1, 2)), "kill")
        if need == "deep reorg":
            self._deep_reorg(ambush)
        elif need == "orphaned lease":
            self._orphaned_lease(ambush)
        elif need == "healing":
            self._healing(ambush)
        elif need:
            self._prepared(ambush, need)
        else:
            self._any_weather(ambush)
        self.decide()

    def _prepared(self, ambush: Ambush, need: Need) -> None:
        """What brings a run to the place of `ambush` happens, and nothing else."""
        lingers = []
        self.weather.calm_node()
        if need == "failure":
            self.weather.spoil(self._draws.choice(("altered_receipt", "null_block")))
        elif need == "metadata":
            self.weather.change_metadata()
        else:
            self.weather.reorg(self._draws.randint(1, 12))
        if need == "time":
            lingers.append(Ambush(Place("blocks linked"), 1, "linger"))
        self.run(self.job(self._head_spans(), *lingers, ambush))

    def _any_weather(self, ambush: Ambush) -> None:
        draws = self._draws
        self.weather.move_chain()
        self.weather.disturb_node()
        if draws.random() < 0.15:
            self.weather.change_metadata()
        how = draws.choices(
            ("ambush", "moment", "pair", "stop", "disk", "puts"), (60, 13, 12, 5, 5, 5)
        )[0]
        job = self.job(self._some_spans())
        if how == "ambush":
            self.run(replace(job, ambushes=(ambush,)))
        elif how == "moment":
            self.run(job, kill_after=draws.uniform(0.02, _LONGEST_RUN))
        elif how == "pair":
            self._pair(job, replace(job, ambushes=(ambush,)))
        elif how == "stop":
            self._stop(job)
        elif how == "disk":
            self.run(job, during=self.weather.full_disk())
        else:
            self.tally.events["runs on a store that fails puts"] += 1
            self.run(replace(job, failing_puts=draws.choice((0.02, 0.1, 0.5))))

    def _pair(self, one: Job, other: Job) -> None:
        """Two writers go for the same blocks at once."""
        self.tally.events["pairs of writers at once"] += 1
        jobs = one, replace(other, log=self._log(), seed=other.seed + 1)
        pids = [self._nursery.start(job) for job in jobs]
        if self._draws.random() < 0.4:
            time.sleep(self._draws.uniform(0.05, _LONGEST_RUN))
            self._nursery.kill(pids[0])
        for job, pid in zip(jobs, pids, strict=True):
            self._collect(job, self._nursery.wait(pid))

    def _stop(self, job: Job) -> None:
        """A writer falls asleep, another takes its ranges over, and then it wakes up."""
        place = self._draws.choice([place for place in PLACES if place.point in _STOPS])
        sleeper = replace(job, ambushes=(Ambush(place, 1, "stop"),))
        pid = self._nursery.start(sleeper)
        end = self._nursery.wait(pid)
        if end == "stopped":
            self.tally.events["writers that woke up after their lease"] += 1
            self.run(replace(job, log=self._log()))
            self._nursery.resume(pid)
            end = self._nursery.wait(pid)
        self._collect(sleeper, end)

    def _deep_reorg(self, ambush: Ambush) -> None:
        """The chain is halted, a person approves, and it goes on."""
        self.calm()
        self.weather.deep_reorg()
        if ambush.place.point != "approval used":
            self.run(self.job(self._head_spans(), ambush))
        self.run(self.job(self._head_spans()))
        self.decide()
        self.run(self.job(self._head_spans(), ambush))

    def _orphaned_lease(self, ambush: Ambush) -> None:
        """A killed writer's ranges are taken over."""
        self.weather.calm_node()
        self.weather.reorg(2)
        layer = {"raw_blocks": "raw", "decoded_blocks": "decoded"}.get(
            ambush.place.part, "enriched"
        )
        spans = self._head_spans()
        self.run(self.job(spans, Ambush(Place("lease acquired", layer), 1, "kill")))
        self.run(self.job(spans, ambush))

    def _healing(self, ambush: Ambush) -> None:
        """Blocks that were held come through."""
        self.weather.spoil("missing_log")
        self.run(self.job(self._head_spans()))
        self.weather.calm_node()
        self.run(replace(self.job(self._head_spans(), ambush), retry=True))

    def calm(self) -> None:
        """Nothing goes wrong for once, and all blocks come through."""
        self.weather.calm_node()
        spans = (BlockRange(0, self.world.head + 1),)
        self.run(self.job(spans))
        if self.decide():
            self.run(self.job(spans))

    def decide(self) -> int:
        """A person approves the reorgs that have really happened. How many."""
        approved = 0
        with self.world.ops() as ops:
            for asked in ops.approvals.all("pending"):
                first, _, theirs = asked.subject.split("/")
                block = self.world.net.canonical_block(int(first))
                if block is not None and block.hash.hex() == theirs:
                    ops.approvals.approve(asked.id, who="a person", why="both sides were seen")
                    approved += 1
            self.tally.holds.update(
                f"{hold.stage}, {hold.state}" for hold in ops.holds.find(self.world.chain.name)
            )
        self.tally.events["approvals"] += approved
        return approved

    def job(self, spans: tuple[BlockRange, ...], *ambushes: Ambush) -> Job:
        """A run of the pipeline over `spans`."""
        return Job(
            chain=self.world.chain,
            url=self.world.url,
            lake=self.world.lake,
            ops_url=self.world.ops_url,
            log=self._log(),
            spans=spans,
            seed=self._draws.getrandbits(32),
            reference=self.world.metadata.now,
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
            pid = self._nursery.start(job)
            if kill_after is not None:
                time.sleep(kill_after)
                self._nursery.kill(pid)
            return self._collect(job, self._nursery.wait(pid))

    def _collect(self, job: Job, end: str) -> Outcome | None:
        lines = job.log.read_bytes().splitlines(keepends=True) if job.log.exists() else []
        killed = bool(lines) and lines[-1] == KILLED
        visits = [Place(*line.decode().rstrip("\n").split("|")) for line in lines if line != KILLED]  # type: ignore[arg-type]
        self.tally.visits.update(visits)
        if end == "killed":
            if killed:
                self.tally.kills[visits[-1]] += 1
            else:
                self.tally.events["kills at a random moment"] += 1
            return None
        assert end == "ended", f"{job.log.stem} {end} by itself, after {visits[-1:]}"
        outcome = Outcome(**json.loads(outcome_file(job).read_text()))
        assert outcome.expected, f"{job.log.stem}, seed {self.tally.seed}: {outcome.text}"
        self.tally.events["runs"] += 1
        if outcome.error:
            self.tally.errors[outcome.error] += 1
        return outcome

    def _log(self) -> Any:
        self._jobs += 1
        folder = self.world.folder / "runs"
        folder.mkdir(exist_ok=True)
        return folder / f"run-{self._jobs}.log"

    def _least_killed(self) -> Place:
        places = [
            place for place in PLACES if place.point != "table to make" and place not in BIRTH
        ]
        fewest = min(self.tally.kills[place] for place in places)
        return self._draws.choice([p for p in places if self.tally.kills[p] == fewest])

    def _head_spans(self) -> tuple[BlockRange, ...]:
        head = self.world.head
        return (BlockRange(max(0, head - self._draws.randint(8, 20)), head + 1),)

    def _some_spans(self) -> tuple[BlockRange, ...]:
        draw, head = self._draws.random(), self.world.head
        if draw < 0.15:
            return (BlockRange(0, head + 1),)
        if draw < 0.3:
            start = self._draws.randrange(head - 10)
            return (BlockRange(start, start + 10), *self._head_spans())
        return self._head_spans()
