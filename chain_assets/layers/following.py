"""Following the head: one long-lived process takes each block through all layers as it comes.

    wait for a new head ─→ step: reorgs, raw, decoded, enriched ─→ tend: holds, files, reports ─┐
            └───────────────────────────────────────────────────────────────────────────────────┘

A lease says that somebody follows the chain: a second follower leaves it alone, and so does
whoever else looks after open ranges. It is given back at the end, so that the next goes on at once.
One that ran out, because the ops store was away or the machine asleep, is taken again. What goes
wrong for a moment is tried again; what a person has to decide is waited for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import (
    ChainAssetsError,
    ChainHalted,
    LeaseTaken,
    OpsStoreFailed,
    ReferenceFileError,
)
from chain_assets.layers.follow_reports import Reports, Tell, tell_nobody
from chain_assets.layers.head_step import HeadStep
from chain_assets.layers.pipeline import Parts, write_reference
from chain_assets.ops.held import HeldLease
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore

# A signal's handler may only set a flag, so waits are cut into naps after which it is looked at.
_NAP = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FollowPolicy:
    """Times in seconds. `most_blocks` are taken at once where the lake lags behind.

    `lease_wait` is how long another follower is waited for. A halted chain is looked at again
    every `halted_wait`, and what fails after `first_wait`, doubled up to `longest_wait`.
    """

    most_blocks: int = 50
    lease_wait: float = 0.0
    holds_every: float = 5.0
    reports_every: float = 60.0
    reference_every: float = 300.0
    halted_wait: float = 10.0
    first_wait: float = 0.5
    longest_wait: float = 30.0


class Bell:
    """What a follower waits on. Rung by a new head; `stop` may be called by a signal's handler."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self.stopped = False

    def ring(self) -> None:
        """There may be a new head. Any thread may call it."""
        self._rung.set()

    def stop(self) -> None:
        """The follower is to end once its block is done."""
        # Nothing but this: a handler that took a lock could wait for the thread it interrupts.
        self.stopped = True

    def wait(self, seconds: float) -> None:
        """Return when it was rung or stopped, after `seconds` at the latest."""
        end = time.monotonic() + seconds
        while not self.stopped and not self._rung.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return
            self._rung.wait(min(_NAP, left))
        self._rung.clear()


def follower_key(chain: Chain) -> LeaseKey:
    """The lease that the chain's follower holds while it runs."""
    return LeaseKey(chain.name, "head", "follow")


def is_followed(chain: Chain, ops: OpsStore) -> bool:
    """Whether a follower is at work: then open ranges are its business. Raises OpsStoreFailed."""
    return any(lease.key == follower_key(chain) for lease in ops.leases.live(chain.name))


def follow(
    chain: Chain,
    parts: Parts,
    bell: Bell,
    *,
    pause: Callable[[], float],
    reference: Callable[[int], ReferenceTables] | None = None,
    tell: Tell = tell_nobody,
    policy: FollowPolicy | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Follow the chain until the bell is stopped.

    `pause` says how long to wait for the bell before the head is asked for anyway, and `reference`
    gives the chain's reference rows up to a block; where its files become unreadable meanwhile, it
    goes on with the rows of before. Raises LeaseTaken where another follower is at work or has
    taken over, OpsStoreFailed before it has begun, and permanent errors.
    """
    policy = policy or FollowPolicy()
    ops, begun = parts.writer.ops, False
    rows = _while_readable(chain, reference) if reference else None
    while not bell.stopped:
        try:
            with ops.held(follower_key(chain), wait=policy.lease_wait) as lease:
                begun = True
                # A new one each time: another may have followed the chain in between.
                follower = _Follower(chain, parts, bell, lease, policy, tell, clock, rows)
                try:
                    follower.run(pause)
                finally:
                    follower.reports.tell_all()
        except OpsStoreFailed as error:
            if not begun:
                raise
            _log.warning("%s: the follower's lease is not there yet: %s", chain.name, error)
            bell.wait(policy.longest_wait)


def _while_readable(
    chain: Chain, reference: Callable[[int], ReferenceTables]
) -> Callable[[int], ReferenceTables | None]:
    """`reference`, and None where its files could be read before and cannot be now: somebody is
    at work on them, and no block should wait for that."""
    readable = False

    def read(head: int) -> ReferenceTables | None:
        nonlocal readable
        try:
            rows = reference(head)
        except ReferenceFileError as error:
            if not readable:
                raise
            _log.error("%s: labels, tokens and prices stay as they were: %s", chain.name, error)
            return None
        readable = True
        return rows

    return read


class _Timer:
    """Due at first, and then every so many seconds."""

    def __init__(self, every: float, clock: Callable[[], float]) -> None:
        self._every, self._clock, self._last = every, clock, float("-inf")

    def is_due(self) -> bool:
        """Whether it is time; if so, the next time is counted from now."""
        now = self._clock()
        due = now - self._last >= self._every
        self._last = now if due else self._last
        return due


class _Follower:
    def __init__(
        self,
        chain: Chain,
        parts: Parts,
        bell: Bell,
        lease: HeldLease,
        policy: FollowPolicy,
        tell: Tell,
        clock: Callable[[], float],
        reference: Callable[[int], ReferenceTables | None] | None,
    ) -> None:
        self.reports = Reports(tell, every=policy.reports_every, clock=clock)
        self._step = HeadStep(chain, parts, most_blocks=policy.most_blocks, reports=self.reports)
        self._chain, self._parts, self._reference = chain, parts, reference
        self._bell, self._lease, self._policy, self._clock = bell, lease, policy, clock
        self._failures, self._halted = 0, False
        self._holds_timer = _Timer(policy.holds_every, clock)
        self._reference_timer = _Timer(policy.reference_every, clock)

    def run(self, pause: Callable[[], float]) -> None:
        """Step by step, until the bell is stopped or the lease has run out."""
        while not self._bell.stopped:
            if not self._lease.is_ours():
                _log.warning("%s: the lease ran out or was taken over", self._chain.name)
                return
            try:
                busy = self._once()
            except ChainHalted as halt:
                self._tell_halt(halt)
                self._bell.wait(self._policy.halted_wait)
            except ChainAssetsError as error:
                if not error.transient:
                    raise
                self._bell.wait(self._wait_after(error))
            else:
                self._failures, self._halted = 0, False
                if not busy:
                    self._bell.wait(pause())

    def _once(self) -> bool:
        """One step, and some of what can wait where it wrote nothing; whether there may be more."""
        if self._reference and self._reference_timer.is_due():
            rows = self._reference(self._parts.source.head().number)
            if rows is not None:
                write_reference(self._chain, rows, self._parts.writer)
        written = self._step.step().written
        self.reports.tell_due()
        if written:
            return True
        try:
            if self._holds_timer.is_due():
                self._step.retry_due()
            return self._step.tend()
        except LeaseTaken:
            # Another writer is at a range of ours, which is its right; this can wait for it.
            return False

    def _tell_halt(self, halt: ChainHalted) -> None:
        if not self._halted:
            _log.error("%s stands still: %s", self._chain.name, halt)
        self._halted = True

    def _wait_after(self, error: ChainAssetsError) -> float:
        self._failures += 1
        doubled = self._policy.first_wait * 2.0 ** min(self._failures - 1, 20)
        wait = min(self._policy.longest_wait, doubled)
        _log.warning(
            "%s: %s: %s; again in %.1f s", self._chain.name, type(error).__name__, error, wait
        )
        return wait
