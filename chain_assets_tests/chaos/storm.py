"""Round after round: something goes wrong around the pipeline, and it is killed while it runs.

round  ─→ weather ─→ a run is killed, stopped, or has its disk filled ─→ a person decides what is
  ↑                  at the place where the fewest were killed so far    asked of one
  └──────────────────────────────────────────────────────────────────────┘

The draws of a storm are its seed's. What runs side by side meets as the machine has it, so a seed
gives the same storm, but not to the microsecond.
"""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random
from typing import Literal, get_args

from chain_assets.core.block_range import BlockRange, ranges_between
from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES, RAW_BLOCKS
from chain_assets.layers.decode_task import WRITTEN
from chain_assets_tests.chaos.child import Ambush, Job, Outcome
from chain_assets_tests.chaos.nursery import Nursery
from chain_assets_tests.chaos.points import BIRTH, PLACES, Need, Place, need_of
from chain_assets_tests.chaos.runs import Runs
from chain_assets_tests.chaos.soundness import assert_of_one_side
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.weather import Weather
from chain_assets_tests.chaos.world import World

Trouble = Literal["ambush", "moment", "pair", "sleep", "full disk", "failing puts"]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
# In the middle of a transaction a stopped process would hold up the ops store of all others.
_STOPS = ("blocks linked", "blocks decoded", "blocks enriched", "commit to make", "rows marked")
_LONGEST_RUN = 1.2
# Tables that are written one after another, and have to end on the same side of a fork.
_LAYERED = tuple(table.name for table in (*DECODED_TABLES, *ENRICHED_TABLES))


class Storm:
    """A world, and processes that live in it and die."""

    def __init__(self, world: World, nursery: Nursery, draws: Random, tally: Tally) -> None:
        self.world, self.tally = world, tally
        self._draws = draws
        self.weather = Weather(world, draws, tally)
        self.runs = Runs(world, nursery, draws, tally)

    def found_lake(self, *, kills: int) -> None:
        """A new lake's first range, killed before each table is made, up to `kills` times, and
        then all others."""
        first, schema = (BlockRange(0, 10),), BIRTH[:2]
        for place in (*schema, *[BIRTH[2]] * kills):
            self.runs.run(self.runs.job(first, Ambush(place, 1, "kill")))
        self.calm()

    def round(self) -> None:
        """A kill at one of the places where the fewest were killed, or something else."""
        self.strike(self._least_killed())

    def strike(self, place: Place) -> None:
        """One round, with a kill at `place` if the run comes there."""
        self.tally.events["rounds"] += 1
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
        elif place.part in _LAYERED and self._draws.random() < 0.5:
            self.flip(place)
        else:
            self._any_weather(ambush)
        self.decide()

    def flip(self, place: Place) -> None:
        """A run is killed at `place` on its way to another side of the chain, and then the chain
        goes back: rows of the first side that are still there must not pass for whole."""
        self.tally.events["flips to another side and back"] += 1
        self.calm()
        self.weather.reorg(self._draws.randint(1, 4), more=0)
        spans = self._head_spans()
        self.runs.run(self.runs.job(spans, Ambush(place, 1, "kill")))
        self.weather.go_back()
        outcome = self.runs.run(replace(self.runs.job(spans), patient=False))
        self._assert_of_one_side(outcome, spans)

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
        self.runs.run(self.runs.job(self._head_spans(), *lingers, ambush))

    def _any_weather(self, ambush: Ambush) -> None:
        self.weather.disturb_node()
        if self._draws.random() < 0.15:
            self.weather.change_metadata()
        self.trouble(self._draws.choices(TROUBLES, (60, 13, 12, 5, 5, 5))[0], ambush)

    def trouble(self, kind: Trouble, ambush: Ambush) -> None:
        """The chain moves on, and a run meets `kind`."""
        self.weather.move_chain()
        draws, job = self._draws, self.runs.job(self._some_spans())
        if kind == "ambush":
            self.runs.run(replace(job, ambushes=(ambush,)))
        elif kind == "moment":
            self.runs.run(job, kill_after=draws.uniform(0.02, _LONGEST_RUN))
        elif kind == "pair":
            self._pair(job, replace(job, ambushes=(ambush,)))
        elif kind == "sleep":
            self.sleep(draws.choice([place for place in PLACES if place.point in _STOPS]))
        elif kind == "full disk":
            self.runs.run(job, during=self.weather.full_disk())
        else:
            self.tally.events["runs on a store that fails puts"] += 1
            self.runs.run(replace(job, failing_puts=draws.choice((0.02, 0.1, 0.5))))

    def _pair(self, one: Job, other: Job) -> None:
        """Two writers go for the same blocks at once."""
        self.tally.events["pairs of writers at once"] += 1
        jobs = one, replace(other, log=self.runs.new_log(), seed=other.seed + 1)
        pids = [self.runs.nursery.start(job) for job in jobs]
        if self._draws.random() < 0.4:
            time.sleep(self._draws.uniform(0.05, _LONGEST_RUN))
            self.runs.nursery.kill(pids[0])
        for job, pid in zip(jobs, pids, strict=True):
            self.runs.collect(job, self.runs.nursery.wait(pid))

    def sleep(self, place: Place) -> None:
        """A writer falls asleep at `place`, the chain is another one, a second writer takes the
        ranges over, and then the first wakes up: it must not write any more."""
        self.weather.calm_node()
        self.weather.reorg(2)
        job = self.runs.job(self._head_spans())
        sleeper = replace(job, ambushes=(Ambush(place, 1, "stop"),))
        pid = self.runs.nursery.start(sleeper)
        end, second = self.runs.nursery.wait(pid), None
        if end == "stopped":
            self.tally.events["writers that woke up after their lease"] += 1
            self.weather.reorg(2, more=0)
            second = self.runs.run(replace(job, log=self.runs.new_log(), patient=False))
            self.runs.nursery.resume(pid)
            end = self.runs.nursery.wait(pid)
        self.runs.collect(sleeper, end)
        self._assert_of_one_side(second, job.spans)

    def _assert_of_one_side(self, outcome: Outcome | None, spans: tuple[BlockRange, ...]) -> None:
        if outcome is not None and not outcome.error:
            first, last = spans[0].start, spans[-1].stop - 1
            ranges = ranges_between(first, last, self.world.chain.ranges)
            assert_of_one_side(self.world, list(ranges))

    def _deep_reorg(self, ambush: Ambush) -> None:
        """The chain is halted, a person approves, and it goes on."""
        self.calm()
        self.weather.deep_reorg()
        if ambush.place.point != "approval used":
            self.runs.run(self.runs.job(self._head_spans(), ambush))
        self.runs.run(self.runs.job(self._head_spans()))
        self.decide()
        self.runs.run(self.runs.job(self._head_spans(), ambush))

    def _orphaned_lease(self, ambush: Ambush) -> None:
        """A killed writer's ranges are taken over."""
        self.weather.calm_node()
        self.weather.reorg(2)
        layer = _layer_of(ambush.place.part)
        spans = self._head_spans()
        self.runs.run(self.runs.job(spans, Ambush(Place("lease acquired", layer), 1, "kill")))
        self.runs.run(self.runs.job(spans, ambush))

    def _healing(self, ambush: Ambush) -> None:
        """Blocks that were held come through."""
        self.weather.spoil("missing_log")
        self.runs.run(self.runs.job(self._head_spans()))
        self.weather.calm_node()
        self.runs.run(replace(self.runs.job(self._head_spans(), ambush), retry=True))

    def calm(self) -> None:
        """Nothing goes wrong for once, and all blocks come through."""
        self.weather.calm_node()
        spans = (BlockRange(0, self.world.head + 1),)
        self.runs.run(self.runs.job(spans))
        if self.decide():
            self.runs.run(self.runs.job(spans))

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


def _layer_of(table: str) -> str:
    if table == RAW_BLOCKS.name:
        return "raw"
    return "decoded" if table in {written.name for written in WRITTEN} else "enriched"
