"""A lock that says whether the process of a run is alive.

Dagster asks the code server that started a run. Nobody started the runs that a command executes in
its own process. So that process holds a lock on a file, whose path is a tag of its runs: the system
lets go of it when the process ends, however it ends, and never while it lives.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain_assets.core.errors import AlreadyRunning

LOCK_TAG = "chain_assets/process_lock"


@contextmanager
def held_lock(path: Path) -> Iterator[dict[str, str]]:
    """Hold the lock at `path`. Yields the tags that this process gives its runs.

    Raises AlreadyRunning where another process holds it.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another process holds {path}", todo="Wait until it has ended, or end it"
            ) from error
        yield {LOCK_TAG: str(path.resolve())}


def is_gone(path: str) -> bool:
    """Whether the process that held the lock at `path` has ended.

    False where there is no such file: the process may be alive on another machine.
    """
    try:
        with Path(path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
