"""A source that asks no more than it is allowed to: so many requests a second, so many in all.

A header is one request and a block two, itself and its receipts, however a provider bundles them.
What a node did not answer, and is asked again, is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chain_assets.core.errors import BudgetSpent
from chain_assets.sources.protocol import BlockSource, Header, RawBlock

_HEADER, _BLOCK = 1, 2
# Kept back from `blocks_left`: the head, and the headers of neighbours that do not link.
_HEADERS_KEPT = 8


class Rate(Protocol):
    """How often something may be asked."""

    def wait_for(self, requests: int) -> float:
        """Seconds until `requests` may be sent, after all that were asked for before."""
        ...


@dataclass
class OwnRate:
    """A rate that nobody shares: at most `per_second` on average, and a rest is not saved up."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    _free_at: float = field(default=0.0, repr=False)

    def wait_for(self, requests: int) -> float:
        """Seconds until `requests` may be sent."""
        now = self.clock()
        begins = max(now, self._free_at)
        self._free_at = begins + requests / self.per_second
        return begins - now


@dataclass
class Budget:
    """Requests: at most `total`, and at a `rate`. None: no limit."""

    total: int | None = None
    rate: Rate | None = None
    sleep: Callable[[float], None] = time.sleep
    spent: int = 0

    def blocks_left(self, *, chain: str) -> int | None:
        """How many blocks it is enough for, with the headers that go with them; None: any number.

        Asked before a piece of work that is lost where its blocks do not all come. Raises
        BudgetSpent where it is not enough for one.
        """
        if self.total is None:
            return None
        blocks = (self.total - self.spent - _HEADERS_KEPT) // _BLOCK
        if blocks < 1:
            raise self._all_spent(chain)
        return blocks

    def spend(self, requests: int, *, chain: str) -> None:
        """Take `requests` from the budget, waiting for its rate.

        Raises BudgetSpent, and what the rate raises.
        """
        if self.total is not None and self.spent + requests > self.total:
            raise self._all_spent(chain)
        if self.rate is not None and (wait := self.rate.wait_for(requests)) > 0:
            self.sleep(wait)
        self.spent += requests

    def _all_spent(self, chain: str) -> BudgetSpent:
        return BudgetSpent(
            f"{self.spent} of {self.total} requests are spent",
            chain=chain,
            todo="Run it again for the rest: it goes on where it stood",
        )


@dataclass(frozen=True)
class BudgetedSource:
    """`source`, within `budget`."""

    source: BlockSource
    budget: Budget
    chain: str

    def head(self) -> Header:
        """The newest block. Raises BudgetSpent, SourceError."""
        self.budget.spend(_HEADER, chain=self.chain)
        return self.source.head()

    def finalized(self) -> Header | None:
        """The newest final block. Raises BudgetSpent, SourceError."""
        self.budget.spend(_HEADER, chain=self.chain)
        return self.source.finalized()

    def header(self, number: int) -> Header:
        """The canonical block `number`. Raises BudgetSpent, SourceError."""
        self.budget.spend(_HEADER, chain=self.chain)
        return self.source.header(number)

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The canonical blocks `numbers`. Raises BudgetSpent before the first that is too many."""
        for block in self.source.blocks(numbers):
            self.budget.spend(_BLOCK, chain=self.chain)
            yield block
