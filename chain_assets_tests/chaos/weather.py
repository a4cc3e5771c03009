"""What goes wrong around the pipeline: chain, node, disk, metadata. All by draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from chain_assets.sources.devnet import Fault, FaultKind, Faults
from chain_assets.sources.devnet.faults import CONTENT_FAULTS, TRANSPORT_FAULTS
from chain_assets_tests.chaos.tally import Tally
from chain_assets_tests.chaos.world import BLOCKS, MAX_REORG_DEPTH, World
from chain_assets_tests.lake_fixtures import fill_disk

DEEPEST = 64
_LONGEST = BLOCKS + 40
_LATE_SECONDS = 1.8
# A timeout takes its time away from everything else.
_KINDS: tuple[FaultKind, ...] = tuple(
    kind for kind in (*CONTENT_FAULTS, *TRANSPORT_FAULTS) if kind != "time_out"
)


class Weather:
    """Changes `world`, and counts what it has done."""

    def __init__(self, world: World, draws: Random, tally: Tally) -> None:
        self._world, self._draws, self._tally = world, draws, tally

    def move_chain(self) -> None:
        """The chain grows, mostly; or its newest blocks are replaced, or it goes back to a side
        that it had left."""
        draw = self._draws.random()
        if draw < 0.35:
            self.reorg(self._depth())
        elif draw < 0.42:
            self.go_back()
        elif self._world.head < _LONGEST:
            self._world.net.advance(self._draws.randint(1, 3))
        else:
            self.reorg(self._draws.randint(20, 30), more=-15)
        self._world.highest = max(self._world.highest, self._world.head)

    def _depth(self) -> int:
        draw = self._draws.random()
        if draw < 0.6:
            return self._draws.randint(1, 5)
        if draw < 0.9:
            return self._draws.randint(6, 20)
        return self._draws.randint(21, DEEPEST)

    def deep_reorg(self) -> None:
        """Deeper than is followed without a person."""
        self.reorg(self._draws.randint(MAX_REORG_DEPTH + 1, DEEPEST))

    def reorg(self, depth: int, *, more: int | None = None) -> None:
        """The newest `depth` blocks are replaced by so many `more`; by default about as many."""
        world = self._world
        new = max(1, depth + (self._draws.randint(-1, 2) if more is None else more))
        world.old_forks.append(world.net.tip.fork)
        world.net.reorg(depth, new)
        world.highest = max(world.highest, world.head)
        self._tally.reorgs[depth] += 1

    def go_back(self) -> None:
        """The chain is again the side that it left last."""
        world = self._world
        if not world.old_forks:
            return
        fork, left = world.old_forks[-1], world.net.tip.fork
        head = world.net.head
        world.net.switch(fork)
        world.old_forks[-1] = left
        depth = head - self._parting(left, head) + 1
        self._tally.reorgs[depth] += 1
        self._tally.events["reorgs back to an older side"] += 1

    def _parting(self, left: object, head: int) -> int:
        """The lowest block that the chain does not share any more with the side that it left."""
        world = self._world
        number = min(head, world.head)
        fork = world.old_forks[-1]
        assert fork is left
        chain, now = world.net.chain, world.net.tip.fork
        while number and chain.hash_of(number, fork) != chain.hash_of(number, now):
            number -= 1
        return number + 1

    def disturb_node(self) -> None:
        """The node fails, lies, lags, or behaves."""
        draws, head = self._draws, self._world.head
        if draws.random() < 0.5:
            self.calm_node()
            return
        rules = []
        for kind in draws.sample(_KINDS, draws.randint(1, 2)):
            some = frozenset(draws.sample(range(max(0, head - 25), head + 1), 4))
            blocks = None if kind in TRANSPORT_FAULTS else some
            rules.append(Fault(kind=kind, blocks=blocks, probability=draws.choice((0.2, 0.6, 1.0))))
        if draws.random() < 0.04:
            rules.append(Fault(kind="time_out", probability=0.3, times=1))
        lag = draws.randint(1, 5) if draws.random() < 0.25 else 0
        self._set(Faults(rules=tuple(rules), lag_blocks=lag, delay_seconds=_LATE_SECONDS))

    def spoil(self, kind: FaultKind) -> None:
        """The node lies about its newest blocks, which are new to everybody."""
        self.reorg(4)
        newest = range(self._world.head - 3, self._world.head + 1)
        self._set(Faults(rules=(Fault(kind=kind, blocks=frozenset(newest)),)))

    def calm_node(self) -> None:
        """The node behaves."""
        self._world.net.faults = Faults()

    def _set(self, faults: Faults) -> None:
        self._world.net.faults = faults
        self._tally.faults.update(rule.kind for rule in faults.rules)
        if faults.lag_blocks:
            self._tally.faults["lag"] += 1

    def change_metadata(self) -> None:
        """Something that was missing comes; or the price of a block to come is late."""
        metadata = self._world.metadata
        if metadata.arrive(self._draws):
            self._tally.events["pieces of metadata that came late"] += 1
        else:
            metadata.late_prices.add(self._world.head + 1)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The disk has next to nothing left while the block runs. Without a small disk: nothing."""
        if self._world.disk is None:
            yield
            return
        self._tally.events["runs on a full disk"] += 1
        ballast = fill_disk(self._world.disk, leave_kib=self._draws.randint(0, 400))
        try:
            yield
        finally:
            ballast.unlink()
