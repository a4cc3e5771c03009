"""What was begun with the blocks of a range and may not be finished: told before it is begun.

    journal    raw blocks change, and block_changes does not say so yet
    layers     raw blocks are replaced, and rows of the layers above may still be of the old ones
    links      a stored block has no place in the chain: it is compared with it, though it is final

What is not final is looked at block by block anyway. Final ranges are too many for that: whoever
is killed between two tables leaves word here, and the next writer goes on. Whoever strikes out
`journal` or `layers` holds the lease of the range's raw blocks: nobody is between word and deed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

from sqlalchemy import ColumnElement, delete, insert, select

from chain_assets.ops.database import Database
from chain_assets.ops.schema import unfinished

What = Literal["journal", "layers", "links"]


class Unfinished:
    """The unfinished ranges of a store, by partition key. All methods raise OpsStoreFailed."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, chain: str, keys: Collection[str], *what: What) -> None:
        """From now on these ranges are unfinished."""
        with self._database.changing(f"unfinished/{chain}") as connection:
            query = select(unfinished.c.block_range, unfinished.c.what)
            there = {tuple(row) for row in connection.execute(query.where(_of(chain)))}
            rows = [
                {"chain": chain, "block_range": key, "what": one, "since": self._clock()}
                for key in sorted(set(keys))
                for one in what
                if (key, one) not in there
            ]
            if rows:
                connection.execute(insert(unfinished), rows)

    def end(self, chain: str, keys: Collection[str], what: What) -> None:
        """They are finished."""
        if not keys:
            return
        with self._database.changing(f"unfinished/{chain}") as connection:
            connection.execute(
                delete(unfinished).where(
                    _of(chain), unfinished.c.what == what, unfinished.c.block_range.in_(keys)
                )
            )

    def keys(self, chain: str, what: What) -> frozenset[str]:
        """The ranges that are unfinished in this."""
        query = select(unfinished.c.block_range).where(_of(chain), unfinished.c.what == what)
        with self._database.reading() as connection:
            return frozenset(connection.scalars(query))


def _of(chain: str) -> ColumnElement[bool]:
    return unfinished.c.chain == chain
