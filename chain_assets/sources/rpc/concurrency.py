"""How much is asked of a provider at once: as much as it stands, found by trying.

Both classes learn as TCP does. Nobody publishes what a node stands, it differs by hour and by
method, and a fixed number is either slow or answered with 429.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_WAKE_SECONDS = 0.2  # how soon a waiting thread notices that its work was called off


class AdaptiveLimit:
    """How many requests may be under way.

    Begins with two. Grows by one a success until the first congestion (it doubles each round: slow
    start), then by one a round. Halves on congestion, once for all requests that were under way
    at that moment: eight of them answered 429 are one signal, not eight.
    """

    def __init__(self, *, maximum: int, start: int = 2) -> None:
        self._maximum = float(maximum)
        self._allowed = float(min(start, maximum))
        self._threshold = self._maximum
        self._in_use = 0
        self._epoch = 0
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return int(self._allowed)

    def acquire(self, is_called_off: Callable[[], bool]) -> int | None:
        """Wait for a slot. Returns the ticket for `release`, or None where the work is off."""
        with self._changed:
            while self._in_use >= self.allowed:
                if is_called_off():
                    return None
                self._changed.wait(_WAKE_SECONDS)
            self._in_use += 1
            return self._epoch

    def release(self, ticket: int, *, congested: bool | None) -> None:
        """Give the slot back; `congested` is None where the request says nothing about load."""
        with self._changed:
            if congested and ticket == self._epoch:
                self._threshold = self._allowed = max(1.0, self._allowed / 2)
                self._epoch += 1
            elif congested is False and self._in_use >= self.allowed:
                # A limit that is not used to the full was not tested, so it does not grow.
                step = 1.0 if self._allowed < self._threshold else 1.0 / self._allowed
                self._allowed = min(self._maximum, self._allowed + step)
            self._in_use -= 1
            self._changed.notify_all()


class BatchSize:
    """How many calls go into one request.

    A size that was refused is never tried again. One that failed otherwise is halved. From there
    it grows back by one after each ten batches of the full size.
    """

    _BATCHES_TO_GROW = 10

    def __init__(self, maximum: int) -> None:
        self.now = maximum
        self._maximum = maximum
        self._successes = 0
        self._lock = threading.Lock()

    def refused(self, size: int) -> None:
        """The node does not take `size` calls at once."""
        with self._lock:
            self._maximum = min(self._maximum, max(1, size - 1))
            self._shrink(size)

    def failed(self, size: int) -> None:
        """`size` calls were not answered, which may or may not be due to their number."""
        with self._lock:
            self._shrink(size)

    def worked(self, size: int) -> None:
        """`size` calls were answered."""
        with self._lock:
            if size < self.now or self.now == self._maximum:
                return
            self._successes += 1
            if self._successes == self._BATCHES_TO_GROW:
                self.now, self._successes = self.now + 1, 0

    def _shrink(self, size: int) -> None:
        # `size` and not `now` is halved: threads that fail together must not shrink it together.
        self.now, self._successes = min(self.now, max(1, size // 2)), 0
