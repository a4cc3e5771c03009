"""Holds that are not to be tried now: counted where they are, not read one by one.

A block may be held at several stages, and is counted once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, case, distinct, func, or_, select

from chain_assets.ops.schema import holds


@dataclass(frozen=True)
class Resting:
    """How many blocks of a range rest; and whether rows of them may be there all the same.

    One that was fetched again, as its blob was lost, has the rows of before. What was dropped when
    it lacked a price, a token or a label does not rest: it is enriched without that.
    """

    blocks: int
    may_have_rows: bool


def resting_by_range(connection: Connection, chain: str, *, now: float) -> dict[str, Resting]:
    """What rests at `now` (Unix seconds), by range key."""
    kept = or_(holds.c.state == "dropped", holds.c.stage == "fetch")
    query = (
        select(
            holds.c.block_range,
            func.count(distinct(holds.c.number)),
            func.max(case((kept, 1), else_=0)),
        )
        .where(holds.c.chain == chain, _is_resting(now))
        .group_by(holds.c.block_range)
    )
    return {key: Resting(blocks, bool(rows)) for key, blocks, rows in connection.execute(query)}


def resting_blocks(
    connection: Connection, chain: str, block_range: str, *, now: float
) -> set[tuple[int, bytes | None]]:
    """The blocks of one range that rest at `now` (Unix seconds): number and hash, which is None
    where none was had."""
    had = case((holds.c.stage != "fetch", holds.c.hash))
    query = select(holds.c.number, had).where(
        holds.c.chain == chain, holds.c.block_range == block_range, _is_resting(now)
    )
    return {(number, hash_) for number, hash_ in connection.execute(query)}


def is_due(now: float) -> ColumnElement[bool]:
    """Whether a hold is to be tried at `now` (Unix seconds).

    One that was put later than now was so by a clock that went wrong since, or has been set right:
    it would rest for as long as that was ahead.
    """
    over = or_(holds.c.next_try_at <= now, holds.c.last_at > now)
    return and_(holds.c.state == "waiting", over)


def _is_resting(now: float) -> ColumnElement[bool]:
    waived = and_(holds.c.state == "dropped", holds.c.stage == "enrich")
    return and_(~is_due(now), ~waived)
