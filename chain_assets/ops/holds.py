"""Holds: blocks that could not be fetched, proved, decoded or enriched, and their next try.

    put ──→ waiting ── next_try_at ──→ due ──→ tried: settle (healed), or put again (a longer wait)
               │  ↖ wake: what it misses has come          ↘ put for the last time: dead
               └──────────── drop, by a person: dropped ←──────┘   retry, by a person: waiting

A block is held alone: the others of its range are written without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from chain_assets.core.retries import DEFAULT_POLICY, RetryPolicy
from chain_assets.ops.audit import record, spans_text
from chain_assets.ops.database import Database
from chain_assets.ops.hold_rules import STAGES, Failure, Hold, HoldState, Stage, hold_after
from chain_assets.ops.resting import Resting, is_due, resting_blocks, resting_by_range
from chain_assets.ops.schema import holds

# Far below the number of parameters that either database takes in one statement.
_BATCH = 500


class Holds:
    """The holds of a store. All methods raise OpsStoreFailed."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], float],
        actor: str,
        *,
        draw: Callable[[], float],
        policy: RetryPolicy = DEFAULT_POLICY,
    ) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor
        self._draw = draw
        self._policy = policy

    def put(self, chain: str, failures: Iterable[Failure]) -> tuple[Hold, ...]:
        """Hold these blocks, or hold them on with one attempt more. One transaction for all.

        Returns the holds, ascending by number. Of two failures of one block and stage the last
        counts.
        """
        failed = {(failure.number, failure.stage): failure for failure in failures}
        if not failed:
            return ()
        with self._database.changing(f"holds/{chain}") as connection:
            now = self._clock()
            former = {
                (hold.number, hold.stage): hold
                for batch in _batches({number for number, _ in failed})
                for hold in _read(connection, holds.c.chain == chain, holds.c.number.in_(batch))
            }
            put = [
                hold_after(
                    failed[key],
                    former.get(key),
                    chain=chain,
                    now=now,
                    draw=self._draw(),
                    policy=self._policy,
                )
                for key in sorted(failed)
            ]
            for where in _these(chain, put):
                connection.execute(delete(holds).where(where))
            connection.execute(insert(holds), [hold.row() for hold in put])
            for stage in STAGES:
                at_stage = [hold for hold in put if hold.stage == stage]
                dead = spans_text(hold.number for hold in at_stage if hold.state == "dead")
                detail = {"reasons": sorted({hold.reason for hold in at_stage})}
                if dead:
                    detail["dead"] = [dead]
                self._record(connection, now, "blocks held", at_stage, detail=detail)
        return tuple(put)

    def settle(self, chain: str, stage: Stage, numbers: Collection[int]) -> int:
        """These blocks came through `stage`: their holds end. Returns how many there were."""
        with self._database.changing(f"holds/{chain}") as connection:
            found = [
                hold
                for batch in _batches(numbers)
                for hold in _read(
                    connection,
                    holds.c.chain == chain,
                    holds.c.stage == stage,
                    holds.c.number.in_(batch),
                )
            ]
            for where in _these(chain, found):
                connection.execute(delete(holds).where(where))
            self._record(connection, self._clock(), "blocks healed", found)
        return len(found)

    def find(
        self,
        chain: str | None = None,
        *,
        block_range: str | None = None,
        stage: Stage | None = None,
        state: HoldState | None = None,
    ) -> tuple[Hold, ...]:
        """The holds, all or those of a chain, range, stage and state, ascending by chain and
        number."""
        asked = (
            (holds.c.chain, chain),
            (holds.c.block_range, block_range),
            (holds.c.stage, stage),
            (holds.c.state, state),
        )
        with self._database.reading() as connection:
            return _read(connection, *(column == value for column, value in asked if value))

    def due(self, chain: str) -> tuple[Hold, ...]:
        """The holds whose wait is over, ascending by number: what to try now."""
        with self._database.reading() as connection:
            return _read(
                connection,
                holds.c.chain == chain,
                is_due(self._clock()),
            )

    def resting(self, chain: str) -> dict[str, Resting]:
        """What is held and not due, by range key."""
        with self._database.reading() as connection:
            return resting_by_range(connection, chain, now=self._clock())

    def resting_blocks(self, chain: str, block_range: str) -> set[tuple[int, bytes | None]]:
        """The blocks of a range that are held and not due at some stage, by number and hash."""
        with self._database.reading() as connection:
            return resting_blocks(connection, chain, block_range, now=self._clock())

    def wake(
        self, chain: str, *, numbers: Collection[int] = (), missing: Collection[str] = ()
    ) -> int:
        """Make the holds of `numbers`, and those that miss any of `missing`, due now.

        Dead letters too, for one more try: what they lacked has come. Dropped ones stay. Returns
        how many were woken.
        """
        wanted, keys = set(numbers), set(missing)
        return self._try_again(
            chain,
            lambda hold: (
                hold.state != "dropped"
                and (hold.number in wanted or not keys.isdisjoint(hold.missing))
            ),
            action="blocks woken",
            detail={"missing": sorted(keys)} if keys else {},
        )

    def retry(self, chain: str, numbers: Collection[int], *, who: str) -> int:
        """By a person: these holds, dead and dropped ones too, are due now and count anew."""
        wanted = set(numbers)
        return self._try_again(
            chain,
            lambda hold: hold.number in wanted,
            action="blocks to be tried again",
            who=who,
            attempts=0,
        )

    def drop(self, chain: str, numbers: Collection[int], *, who: str, why: str) -> int:
        """By a person: never try these again by itself. They stay held, and are listed."""
        with self._database.changing(f"holds/{chain}") as connection:
            found = [
                hold
                for batch in _batches(numbers)
                for hold in _read(connection, holds.c.chain == chain, holds.c.number.in_(batch))
            ]
            for where in _these(chain, found):
                connection.execute(update(holds).where(where).values(state="dropped"))
            detail = {"why": why}
            self._record(connection, self._clock(), "blocks dropped", found, who, detail)
        return len(found)

    def _try_again(
        self,
        chain: str,
        matches: Callable[[Hold], bool],
        *,
        action: str,
        who: str | None = None,
        detail: dict[str, list[str]] | None = None,
        **values: int,
    ) -> int:
        with self._database.changing(f"holds/{chain}") as connection:
            now = self._clock()
            found = [hold for hold in _read(connection, holds.c.chain == chain) if matches(hold)]
            for where in _these(chain, found):
                again = update(holds).where(where)
                connection.execute(again.values(state="waiting", next_try_at=now, **values))
            self._record(connection, now, action, found, who, detail)
        return len(found)

    def _record(
        self,
        connection: Connection,
        at: float,
        action: str,
        changed: Sequence[Hold],
        who: str | None = None,
        detail: dict[str, str] | dict[str, list[str]] | None = None,
    ) -> None:
        for stage in STAGES:
            numbers = [hold.number for hold in changed if hold.stage == stage]
            if numbers:
                record(
                    connection,
                    at=at,
                    actor=who or self._actor,
                    action=action,
                    chain=changed[0].chain,
                    subject=f"{stage}: {spans_text(numbers)}",
                    detail=detail,
                )


def _read(connection: Connection, *where: ColumnElement[bool]) -> tuple[Hold, ...]:
    query = select(holds).where(*where).order_by(holds.c.chain, holds.c.number, holds.c.stage)
    return tuple(Hold.from_row(row) for row in connection.execute(query).mappings())


def _these(chain: str, wanted: Sequence[Hold]) -> Iterable[ColumnElement[bool]]:
    """Conditions for exactly these holds of `chain`, a batch each."""
    for stage in STAGES:
        for batch in _batches(hold.number for hold in wanted if hold.stage == stage):
            yield and_(holds.c.chain == chain, holds.c.stage == stage, holds.c.number.in_(batch))


def _batches(numbers: Iterable[int]) -> Iterable[list[int]]:
    ordered = sorted(set(numbers))
    return (ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH))
