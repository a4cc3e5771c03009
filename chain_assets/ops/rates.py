"""A chain's rate of requests, shared by all processes that ask its nodes.

Each takes its requests from one line, a little ahead of what it sends, and waits for its turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import insert, select, update

from chain_assets.ops.database import Database
from chain_assets.ops.schema import rates

# Requests are taken for so long at a time, so that a fast rate is not a transaction a request.
_AHEAD_SECONDS = 0.2
# A longer line than this many turns like one's own is none: the clock was put back.
_LONGEST_LINE = 100


class Rates:
    """The rates of a store. All methods raise OpsStoreFailed."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def take(self, chain: str, requests: int, *, per_second: float) -> float:
        """Take the next turn, of `requests`; how many seconds it is until then.

        The next one comes `requests / per_second` seconds later. What was not taken while nobody
        asked is not made up for.
        """
        turn = requests / per_second
        with self._database.changing(f"rate/{chain}") as connection:
            now = self._clock()
            query = select(rates.c.free_at).where(rates.c.chain == chain)
            free_at = connection.execute(query).scalar()
            if free_at is None:
                connection.execute(insert(rates).values(chain=chain, free_at=now + turn))
                return 0.0
            begins = free_at if now < free_at <= now + _LONGEST_LINE * turn else now
            row = update(rates).where(rates.c.chain == chain)
            connection.execute(row.values(free_at=begins + turn))
        return float(begins - now)


@dataclass
class SharedRate:
    """The rate of one process, out of the line of `chain`."""

    rates: Rates
    chain: str
    per_second: float
    _taken: int = field(default=0, repr=False)

    def wait_for(self, requests: int) -> float:
        """Seconds until `requests` may be sent. Raises OpsStoreFailed."""
        wait = 0.0
        if self._taken < requests:
            taken = max(requests, math.floor(self.per_second * _AHEAD_SECONDS))
            wait = self.rates.take(self.chain, taken, per_second=self.per_second)
            self._taken += taken
        self._taken -= requests
        return wait
