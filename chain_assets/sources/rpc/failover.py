"""Several providers as one: the first that is well is asked; one that fails rests for a while.

    work(provider) ──ok──────────────────────────▶ result
         │
         ├─ BlockNotFound    ask each other provider once, then raise
         ├─ ConfigError      raise: a person must act
         ├─ other permanent  never again in this call
         └─ transient        it rests; the next provider at once, or, where all rest, after a wait

Waits double with each round, with jitter so that many clients do not come back at the same
moment. They are bounded in number and in length: in the end the last error is raised. Who has only
so much time for all of its questions is told so by then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from math import inf
from typing import TypeVar

from chain_assets.core.errors import BlockNotFound, RateLimited, SourceError, SourceUnavailable
from chain_assets.sources.rpc.concurrency import AdaptiveLimit
from chain_assets.sources.rpc.provider import Provider
from chain_assets.sources.rpc.refusals import Throttled, TimedOut

Result = TypeVar("Result")

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_LONGEST_PAUSE = 60.0  # a Retry-After beyond this is an error at once: the caller has other work
_NAP = 0.5  # a wait is cut into naps, so that work which is called off ends soon


@dataclass
class _Node:
    """A provider and how it fared."""

    provider: Provider
    limit: AdaptiveLimit
    failures: int = 0
    failed_at: float = field(default=float("-inf"))
    rests_until: float = field(default=float("-inf"))
    paused_until: float = field(default=float("-inf"))  # it asked for this itself

    def away_until(self) -> float:
        return max(self.rests_until, self.paused_until)


@dataclass(frozen=True)
class Timing:
    """Seconds now (monotonic), how to wait, and a random number in [0, 1)."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]

    def backoff(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure in a row: half of them by chance."""
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures - 1, 20))
        return longest * (1 + self.random()) / 2


def never() -> bool:
    """For work that nobody calls off."""
    return False


class Failover:
    """Runs work on the providers. Safe to use from several threads."""

    def __init__(
        self,
        providers: Sequence[Provider],
        *,
        max_concurrency: int,
        attempts: int,
        timing: Timing,
        most_seconds: float = inf,
    ) -> None:
        self._nodes = [_Node(p, AdaptiveLimit(maximum=max_concurrency)) for p in providers]
        self._attempts, self._timing = attempts, timing
        self._most_seconds, self._until = most_seconds, timing.clock() + most_seconds

    def run(
        self, work: Callable[[Provider], Result], *, is_called_off: Callable[[], bool] = never
    ) -> Result:
        """`work` on one provider after the other until it succeeds.

        `attempts` are made for each provider. Raises the last SourceError, with the number of
        attempts, caused by the node's own; CancelledError where the work is called off.
        """
        candidates = list(self._nodes)
        absent: BlockNotFound | None = None
        last: SourceError | None = None
        made, allowed = 0, self._attempts * len(candidates)
        while candidates and made < allowed and self._left() > 0:
            node = min(candidates, key=self._preference)
            rounds, made = made // len(candidates) + 1, made + 1
            try:
                return self._run_on(node, work, is_called_off)
            except BlockNotFound as error:
                absent = error
                candidates.remove(node)
            except SourceError as error:
                last = error
                if absent or not error.transient:
                    candidates.remove(node)
                elif made < allowed and not self._wait(candidates, rounds, is_called_off):
                    break
        if last is None and (absent is None or candidates) and self._left() <= 0:
            raise SourceUnavailable(
                f"{self._nodes[0].provider.name}: gave no answer in the {self._most_seconds:.0f} s "
                "that there are for all questions"
            )
        raise absent or _final(last, made)

    def _left(self) -> float:
        return self._until - self._timing.clock()

    def _preference(self, node: _Node) -> tuple[bool, float]:
        """Those that do not rest, in the order configured, then the one that is back first."""
        away = node.away_until()
        return (True, away) if away > self._timing.clock() else (False, 0.0)

    def _run_on(
        self, node: _Node, work: Callable[[Provider], Result], is_called_off: Callable[[], bool]
    ) -> Result:
        ticket = node.limit.acquire(is_called_off)
        if ticket is None:
            raise CancelledError
        congested: bool | None = None
        began = self._timing.clock()
        try:
            self._obey_pause(node, is_called_off)
            began = self._timing.clock()
            result = work(node.provider)
            congested = False
            node.failures = 0
            return result
        except BlockNotFound:
            raise
        except SourceError as error:
            congested = isinstance(error, RateLimited | TimedOut)
            self._note_failure(node, error, began)
            raise
        finally:
            node.limit.release(ticket, congested=congested)

    def _obey_pause(self, node: _Node, is_called_off: Callable[[], bool]) -> None:
        pause = node.paused_until - self._timing.clock()
        if pause > min(_LONGEST_PAUSE, self._left()):
            raise RateLimited(f"{node.provider.name}: asked for a pause of {pause:.0f} s more")
        self._sleep(pause, is_called_off)

    def _note_failure(self, node: _Node, error: SourceError, began: float) -> None:
        now = self._timing.clock()
        if isinstance(error, SourceUnavailable):
            node.provider.doubt_chain()
        # Requests that were under way together fail together, and are one failure.
        if began >= node.failed_at:
            node.failures += 1
        node.failed_at = now
        node.rests_until = now + self._timing.backoff(node.failures)
        if isinstance(error, Throttled) and error.retry_after is not None:
            node.paused_until = max(node.paused_until, now + error.retry_after)

    def _wait(
        self, candidates: Sequence[_Node], rounds: int, is_called_off: Callable[[], bool]
    ) -> bool:
        """Wait where all candidates rest. False where the wait would be too long."""
        now = self._timing.clock()
        if any(node.away_until() <= now for node in candidates):
            return True
        pause = min(node.paused_until for node in candidates) - now
        if pause > min(_LONGEST_PAUSE, self._left()):
            return False
        wait = max(pause, self._timing.backoff(rounds))
        self._sleep(min(wait, self._left()), is_called_off)
        return True

    def _sleep(self, seconds: float, is_called_off: Callable[[], bool]) -> None:
        while seconds > 0:
            if is_called_off():
                raise CancelledError
            self._timing.sleep(min(seconds, _NAP))
            seconds -= _NAP


def _final(last: SourceError | None, made: int) -> SourceError:
    if last is None:
        raise ValueError("no attempt was made: there are no providers, or attempts is below 1")
    if made == 1:
        return last
    final = type(last)(
        f"{last.what} (after {made} attempts)", chain=last.chain, block=last.block, todo=last.todo
    )
    final.__cause__ = last
    return final
