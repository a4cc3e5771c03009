"""Holding a lease while work is done: a thread extends it, `check()` tells when it is lost.

with held(leases, key, owner=…, ttl=60) as lease:
    …
    lease.check()      before each commit
    commit(token=lease.token)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chain_assets.core.errors import LeaseLost, LeaseTaken, OpsStoreFailed
from chain_assets.core.fault_points import fault_point
from chain_assets.ops.leases import Lease, LeaseKey, Leases

_POLL_SECONDS = 0.25

_log = logging.getLogger(__name__)


class HeldLease:
    """A lease that is being extended. Any thread of the holder may ask it."""

    def __init__(self, lease: Lease, clock: Callable[[], float]) -> None:
        self._lease = lease
        self._clock = clock
        self._lost = False

    @property
    def key(self) -> LeaseKey:
        """What may be written."""
        return self._lease.key

    @property
    def token(self) -> int:
        """The fencing token, for commits to carry."""
        return self._lease.token

    @property
    def inherited(self) -> bool:
        """Whether the holder before may still be running."""
        return self._lease.inherited

    def is_ours(self) -> bool:
        """Whether the lease is known to be ours at this moment.

        Asks nobody: it is as cheap as reading the clock, and right also while the ops store is
        away and after the whole process was asleep.
        """
        return not self._lost and self._clock() < self._lease.expires_at

    def check(self) -> None:
        """Raise LeaseLost unless the lease is known to be ours at this moment."""
        if not self.is_ours():
            raise self._lease.lost()

    def extend(self, leases: Leases, stop: threading.Event) -> None:
        """Extend the lease until `stop` is set or the lease is lost."""
        wait = self._lease.ttl / 3
        while not stop.wait(wait):
            try:
                self._lease = leases.heartbeat(self._lease)
                fault_point("lease extended")
                wait = self._lease.ttl / 3
            except LeaseLost:
                self._lost = True
                return
            except OpsStoreFailed as error:
                # The lease is ours until it runs out; the store may be back before that.
                _log.warning("The lease of %s was not extended: %s", self.key, error)
                wait = self._lease.ttl / 10


@contextmanager
def held(
    leases: Leases,
    key: LeaseKey,
    *,
    owner: str,
    ttl: float,
    wait: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[HeldLease]:
    """The lease of `key`, extended until the block ends, then given back, also after an error.

    Waits up to `wait` seconds for another holder. Raises LeaseTaken, OpsStoreFailed. A lease that
    is lost meanwhile is told by `check()` only: work that needs no commit any more may end well.
    """
    fault_point("lease to acquire", key.layer)
    lease = _acquire(leases, key, owner, ttl, wait, clock, sleep)
    fault_point("lease acquired", key.layer)
    holder = HeldLease(lease, clock)
    stop = threading.Event()
    thread = threading.Thread(
        target=holder.extend, args=(leases, stop), name=f"lease {key}", daemon=True
    )
    thread.start()
    try:
        yield holder
    finally:
        stop.set()
        thread.join()
        fault_point("lease to release", key.layer)
        try:
            leases.release(lease)
            fault_point("lease released", key.layer)
        except OpsStoreFailed as error:
            # The work is done, or its own error is on its way; the lease runs out by itself.
            _log.warning("The lease of %s was not given back: %s", key, error)


def _acquire(
    leases: Leases,
    key: LeaseKey,
    owner: str,
    ttl: float,
    wait: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Lease:
    deadline = clock() + wait
    while True:
        try:
            return leases.acquire(key, owner=owner, ttl=ttl)
        except LeaseTaken:
            left = deadline - clock()
            if left <= 0:
                raise
        sleep(min(_POLL_SECONDS, left))
