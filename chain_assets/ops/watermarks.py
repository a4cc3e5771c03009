"""The highest finalized block that was ever seen, per chain.

A node that is replaced by one that lags, or lies, answers with a lower finalized block. What was
final once stays final: the watermark never goes down. Where a node's lie has raised it, a person
has it forgotten, and it begins anew with the next answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from chain_assets.ops.audit import record
from chain_assets.ops.database import Database
from chain_assets.ops.schema import watermarks


@dataclass(frozen=True)
class Watermark:
    """Block `number` with `hash` was finalized; first seen at `raised_at` (Unix seconds)."""

    number: int
    hash: bytes
    raised_at: float


class Watermarks:
    """The watermarks of a store. All methods raise OpsStoreFailed."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def watermark(self, chain: str) -> Watermark | None:
        """The highest finalized block of `chain` that was seen, or None before the first."""
        with self._database.reading() as connection:
            return _read(connection, chain)

    def raise_watermark(self, chain: str, number: int, block_hash: bytes) -> Watermark:
        """The watermark, now that block `number` is seen finalized. A lower one changes nothing.

        So does another hash at the same number: the caller sees that it is not the one returned,
        and that the node contradicts what was final.
        """
        with self._database.changing(f"watermark/{chain}") as connection:
            stored = _read(connection, chain)
            if stored is not None and stored.number >= number:
                return stored
            raised = Watermark(number, block_hash, self._clock())
            connection.execute(delete(watermarks).where(watermarks.c.chain == chain))
            row = {"number": number, "hash": block_hash, "raised_at": raised.raised_at}
            connection.execute(insert(watermarks).values(chain=chain, **row))
        return raised

    def forget(self, chain: str, *, who: str, why: str) -> Watermark | None:
        """No block of `chain` counts as final from now on; the one that did, if any."""
        with self._database.changing(f"watermark/{chain}") as connection:
            stored = _read(connection, chain)
            if stored is not None:
                connection.execute(delete(watermarks).where(watermarks.c.chain == chain))
                record(
                    connection,
                    at=self._clock(),
                    actor=who,
                    action="finality forgotten",
                    chain=chain,
                    subject=f"block {stored.number}",
                    detail={"hash": f"0x{stored.hash.hex()}", "why": why},
                )
        return stored


def _read(connection: Connection, chain: str) -> Watermark | None:
    query = select(watermarks).where(watermarks.c.chain == chain)
    row = connection.execute(query).mappings().first()
    return None if row is None else Watermark(row["number"], row["hash"], row["raised_at"])
