"""What has happened in a storm, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chain_assets_tests.chaos.points import PLACES, Place


@dataclass
class Tally:
    """Kills by place and at random moments, visits by place, and all else by name."""

    seed: int
    kills: Counter[Place] = field(default_factory=Counter)
    visits: Counter[Place] = field(default_factory=Counter)
    reorgs: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def all_kills(self) -> int:
        """All processes that were ended by SIGKILL."""
        return self.kills.total() + self.events["kills at a random moment"]

    @property
    def never_met(self) -> list[Place]:
        """Places that no process ever came to."""
        return [place for place in PLACES if not self.visits[place]]

    @property
    def never_killed(self) -> list[Place]:
        """Places at which no process was killed."""
        return [place for place in PLACES if not self.kills[place]]

    def lines(self) -> Iterator[str]:
        """For a person, without the places."""
        yield f"seed {self.seed}: {self.all_kills} kills in {self.seconds:.0f} s"
        for name, count in sorted(self.events.items()):
            yield f"  {count:5} {name}"
        yield f"  reorgs, by depth: {_counts(self.reorgs)}"
        yield f"  faults of the node: {_counts(self.faults)}"
        yield f"  holds that were seen: {_counts(self.holds)}"
        yield f"  errors that runs ended with: {_counts(self.errors)}"
        yield f"  kills at {len(self.kills)} of {len(PLACES)} places"

    def places(self) -> Iterator[str]:
        """How often processes came to each place, and how often they were killed there."""
        for place in PLACES:
            yield f"  {self.kills[place]:5} kills, {self.visits[place]:6} visits  {place}"


def _counts(counter: Counter[int] | Counter[str]) -> str:
    return ", ".join(f"{key}: {count}" for key, count in sorted(counter.items())) or "none"
