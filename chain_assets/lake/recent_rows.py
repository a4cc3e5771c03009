"""Contents that were read not long ago, up to so many bytes of the files that they come from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# Bytes of files whose contents are kept; decoded they take several times as much.
_MOST_BYTES = 32 * 1024 * 1024


class RecentRows:
    """Least recently used contents go first. Threads may share it."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], *, size: int | None) -> T:
        """What `make` gave for `key`, made now if it is not here.

        `size` is the file's, in bytes; None for one whose contents are not kept.
        """
        if size is None:
            return make()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: T = self._kept[key][1]
                return found
        # Two threads may make the same at once, which does no harm.
        made = make()
        with self._lock:
            former = self._kept.pop(key, (0, None))
            self._kept[key] = (size, made)
            self._bytes += size - former[0]
            while self._bytes > self._most_bytes:
                _, (dropped, _) = self._kept.popitem(last=False)
                self._bytes -= dropped
        return made
