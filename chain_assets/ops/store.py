"""The ops store as one thing: what the layers, the sensors and the command line are given.

with open_store(url, actor="worker-3:4711") as ops:
    with ops.held(LeaseKey("ethereum", "000017686000-000017686999", "decoded")) as lease:
        …
    ops.holds.due("ethereum")
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from chain_assets.core.retries import DEFAULT_POLICY, RetryPolicy
from chain_assets.ops.approvals import Approvals
from chain_assets.ops.audit import Audit
from chain_assets.ops.database import Database
from chain_assets.ops.held import HeldLease, held
from chain_assets.ops.holds import Holds
from chain_assets.ops.leases import LeaseKey, Leases
from chain_assets.ops.migrate import open_database
from chain_assets.ops.rates import Rates
from chain_assets.ops.unfinished import Unfinished
from chain_assets.ops.watermarks import Watermarks

# A writer that was lost with its machine keeps its range for so long. Extended every third of it.
LEASE_SECONDS = 60.0


class OpsStore:
    """Leases, holds, approvals, watermarks, rates, unfinished ranges and audit of one database.

    `actor` is who the audit says did what no person is named for; `lease_seconds` is for how long a
    writer that was lost with its machine keeps its range. Threads may share a store; it is closed
    with `close()` or as a context manager.
    """

    def __init__(
        self,
        database: Database,
        *,
        actor: str,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
        retries: RetryPolicy = DEFAULT_POLICY,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._clock = clock
        self.actor = actor
        self.leases = Leases(database, clock)
        self.holds = Holds(database, clock, actor, draw=draw, policy=retries)
        self.approvals = Approvals(database, clock)
        self.watermarks = Watermarks(database, clock)
        self.rates = Rates(database, clock)
        self.unfinished = Unfinished(database, clock)
        self.audit = Audit(database)

    def __repr__(self) -> str:
        return f"OpsStore({self._database.place})"

    def held(
        self,
        key: LeaseKey,
        *,
        owner: str | None = None,
        ttl: float | None = None,
        wait: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> AbstractContextManager[HeldLease]:
        """The lease of `key` while a `with` block runs, extended by a thread that ends with it.

        `owner` is the actor and `ttl` that of the store unless said otherwise. Waits up to `wait`
        seconds for another holder. Raises LeaseTaken, OpsStoreFailed.
        """
        return held(
            self.leases,
            key,
            owner=owner or self.actor,
            ttl=self._lease_seconds if ttl is None else ttl,
            wait=wait,
            clock=self._clock,
            sleep=sleep,
        )

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(
    url: str, *, actor: str | None = None, clock: Callable[[], float] = time.time
) -> OpsStore:
    """The ops store at `url`, made or migrated if need be. `actor` is this process by default.

    Raises ConfigError for a URL that is none of SQLite or PostgreSQL, OpsStoreFailed where the
    database cannot be used. Neither names what of the URL is secret.
    """
    return OpsStore(open_database(url), actor=actor or process_name(), clock=clock)


def process_name() -> str:
    """This process among those of all machines: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"
