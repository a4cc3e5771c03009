"""What contenders for a lease do in threads and processes, and how it shows that two had it.

The witness is the file system, not the store: whoever has the lease makes a file that must not be
there yet, writes down its token, and removes the file.
"""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

from chain_assets.core.errors import LeaseLost, LeaseTaken
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.store import OpsStore, open_store

KEY = LeaseKey("ethereum", "000000000000-000000000999", "decoded")


def meet(folder: Path, name: str, count: int) -> None:
    """Wait until `count` are here: interpreters take longer to start than the work takes."""
    (folder / f"ready {name}").touch()
    while len(list(folder.glob("ready *"))) < count:
        time.sleep(0.001)


def contend(url: str, folder: Path, name: str, times: int, count: int) -> int:
    """Hold the lease `times` times, as one of `count` processes. Returns the refusals."""
    with open_store(url, actor=name) as ops:
        meet(folder, name, count)
        return contend_in(ops, folder, name, times)


def contend_in(ops: OpsStore, folder: Path, name: str, times: int) -> int:
    """Hold the lease `times` times. Raises FileExistsError where another one holds it too."""
    held = refused = 0
    while held < times:
        try:
            lease = ops.leases.acquire(KEY, owner=name, ttl=60)
        except LeaseTaken:
            refused += 1
            time.sleep(0.002)
            continue
        marker = os.open(folder / "marker", os.O_CREAT | os.O_EXCL)
        with (folder / "tokens").open("a") as tokens:
            tokens.write(f"{lease.token}\n")
        time.sleep(0.001)  # long enough for another one to come by
        os.close(marker)
        (folder / "marker").unlink()
        assert ops.leases.release(lease)
        held += 1
    return refused


def tokens_seen(folder: Path) -> list[int]:
    """The tokens in the order in which they were used."""
    return [int(line) for line in (folder / "tokens").read_text().splitlines()]


def take_and_die(url: str) -> None:
    """Take the lease and end without a word, as after SIGKILL."""
    open_store(url, actor="dead").leases.acquire(KEY, owner="dead", ttl=0.5)
    os._exit(9)


def open_together(url: str, folder: Path, name: str, count: int) -> int:
    """Open the store when `count` are ready to, and count its holds."""
    meet(folder, name, count)
    with open_store(url, actor=name) as ops:
        return len(ops.holds.find())


def hold_through_a_pause(url: str, pipe: Connection) -> None:
    """Hold the lease, tell so, and when asked to go on tell what `check` says."""
    with open_store(url) as ops, ops.held(KEY, owner="paused", ttl=1.5) as lease:
        pipe.send("held")
        pipe.recv()
        try:
            lease.check()
        except LeaseLost:
            pipe.send("lost")
        else:
            pipe.send("still held")
