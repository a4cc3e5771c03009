"""Leases: who may write a range of a layer now.

    acquire  →  heartbeat, heartbeat, …  →  release          the next one starts afresh
                         ├ killed, on the same machine       the next one inherits at once
                         ╰ nothing for `ttl` seconds         the next one inherits

A lease alone cannot stop a writer that slept through its end and wakes up in the middle of a
commit. Its token can: each lease of a key has a larger token than all before it, the tables'
commits carry it, and a table refuses a smaller token than it has seen ("fencing token").

A lease that ran out is lost, also where nobody has taken it over yet: one rule for the holder, who
can only know the time, and for the store. Clocks are those of the machines. If one is ahead by more
than the ttl, it takes leases from living writers; the tokens still keep the tables whole, and the
slower writer gets LeaseLost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, insert, select, update

from chain_assets.core.errors import LeaseLost, LeaseTaken
from chain_assets.ops.audit import record
from chain_assets.ops.database import Database
from chain_assets.ops.processes import has_ended, this_process
from chain_assets.ops.schema import leases


@dataclass(frozen=True, order=True)
class LeaseKey:
    """What one writer at a time may write. `block_range` is a partition key, `layer` its layer."""

    chain: str
    block_range: str
    layer: str

    def __str__(self) -> str:
        return f"{self.chain}/{self.block_range}/{self.layer}"


@dataclass(frozen=True)
class Lease:
    """One writer's time with a key. Times are Unix seconds.

    `token` is larger than that of any earlier lease of the key. `inherited`: the holder before did
    not give it back, so it may still be running, and its writes may still arrive.
    """

    key: LeaseKey
    owner: str
    token: int
    inherited: bool
    ttl: float
    expires_at: float

    def lost(self) -> LeaseLost:
        """The error for a holder that is too late."""
        return LeaseLost(
            f"the lease of {self.key.layer} {self.key.block_range} with token {self.token} ran out "
            f"at {_utc(self.expires_at)} or was taken over",
            chain=self.key.chain,
            todo="Nothing more is written; run the range again",
        )


class Leases:
    """The leases of a store. All methods raise OpsStoreFailed."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, key: LeaseKey, *, owner: str, ttl: float) -> Lease:
        """The lease of `key` for `ttl` seconds from now, or until this process ends.

        Raises LeaseTaken where somebody, be it `owner` itself, has it already. Nobody has what was
        taken by a process that has ended, as far as this machine can tell.
        """
        if ttl <= 0:
            raise ValueError(f"a lease must last longer than {ttl} s")
        with self._database.changing(f"lease/{key}") as connection:
            # After the wait for the lock, which may have taken longer than the ttl.
            now = self._clock()
            former = connection.execute(select(leases).where(_is(key))).mappings().first()
            if former is not None and _is_held(former, now):
                raise LeaseTaken(
                    f"{former['owner']} has the lease of {key.layer} {key.block_range} "
                    f"until {_utc(former['expires_at'])}",
                    chain=key.chain,
                    todo="It is free once that writer is done, or does not extend it any more",
                )
            # Counting alone would begin anew with a new ops store, below the tokens that the
            # lake's tables have seen; milliseconds of the clock are above them.
            token = max(0 if former is None else former["token"] + 1, round(now * 1000))
            heir_of = former["owner"] if former and former["released_at"] is None else None
            lease = Lease(key, owner, token, heir_of is not None, ttl, now + ttl)
            _store(connection, lease, now, new=former is None)
            if heir_of is not None:
                # Each block that is followed takes and gives back three: those are no news.
                record(
                    connection,
                    at=now,
                    actor=owner,
                    action="lease inherited",
                    chain=key.chain,
                    subject=str(key),
                    detail={"token": token, "from": heir_of},
                )
        return lease

    def heartbeat(self, lease: Lease) -> Lease:
        """The same lease for another `lease.ttl` seconds from now.

        Raises LeaseLost where it ran out or was taken over.
        """
        with self._database.changing(f"lease/{lease.key}") as connection:
            now = self._clock()
            extend = update(leases).where(_is_live(lease, now)).values(expires_at=now + lease.ttl)
            if connection.execute(extend).rowcount != 1:
                raise lease.lost()
        return replace(lease, expires_at=now + lease.ttl)

    def release(self, lease: Lease) -> bool:
        """Give `lease` back. False, and no change, where it ran out or was taken over before.

        A lease that ran out stays so, for its next holder to know that it inherits.
        """
        with self._database.changing(f"lease/{lease.key}") as connection:
            now = self._clock()
            give_back = update(leases).where(_is_live(lease, now)).values(released_at=now)
            if connection.execute(give_back).rowcount != 1:
                return False
        return True

    def live(self, chain: str | None = None) -> tuple[Lease, ...]:
        """The leases that somebody holds now, ascending by key. Their `ttl` is what is left."""
        now = self._clock()
        query = select(leases).where(leases.c.released_at.is_(None), leases.c.expires_at > now)
        if chain is not None:
            query = query.where(leases.c.chain == chain)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        found = [
            Lease(
                LeaseKey(row["chain"], row["block_range"], row["layer"]),
                row["owner"],
                row["token"],
                inherited=False,
                ttl=row["expires_at"] - now,
                expires_at=row["expires_at"],
            )
            for row in rows
            if not has_ended(_process(row))
        ]
        return tuple(sorted(found, key=lambda lease: lease.key))


def _is(key: LeaseKey) -> ColumnElement[bool]:
    return and_(
        leases.c.chain == key.chain,
        leases.c.block_range == key.block_range,
        leases.c.layer == key.layer,
    )


def _is_held(row: RowMapping, now: float) -> bool:
    if row["released_at"] is not None or row["expires_at"] <= now:
        return False
    return not has_ended(_process(row))


def _process(row: RowMapping) -> str | None:
    """The process that took the lease, where it said so.

    A release that knows nothing of processes leaves the name of an earlier holder in the row: only
    beside the lease's own token is it that of this one.
    """
    token, _, process = (row["process"] or "").partition(" ")
    return process if token == str(row["token"]) else None


def _is_live(lease: Lease, now: float) -> ColumnElement[bool]:
    return and_(
        _is(lease.key),
        leases.c.token == lease.token,
        leases.c.released_at.is_(None),
        leases.c.expires_at > now,
    )


def _store(connection: Connection, lease: Lease, now: float, *, new: bool) -> None:
    process = this_process()
    values = {
        "owner": lease.owner,
        "token": lease.token,
        "acquired_at": now,
        "expires_at": lease.expires_at,
        "released_at": None,
        "process": None if process is None else f"{lease.token} {process}",
    }
    if new:
        key = lease.key
        values |= {"chain": key.chain, "block_range": key.block_range, "layer": key.layer}
        connection.execute(insert(leases).values(**values))
    else:
        connection.execute(update(leases).where(_is(lease.key)).values(**values))


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
