"""Named places in the writing of a range at which a test can end the process, or hold it up.

    fault_point("blob stored")                      does nothing, unless
    arm(lambda name, part: os.kill(…, SIGKILL))     a test has said what to do there

Each is a moment between two steps that a crash must be able to fall into. The part tells one of
several alike from another: a table, a layer. Nothing in the package arms them: what the process is
to do there comes from the test that started it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

FaultPoint = Literal[
    # Objects of the lake.
    "blob to store",
    "blob stored",
    "file to store",
    "file stored",
    # Delta tables; the part is the table's name.
    "table to make",
    "commit to make",
    "commit made",
    "rows to mark",
    "rows marked",
    "token left",
    # Layers.
    "reference written",
    "blocks linked",
    "blocks decoded",
    "blocks enriched",
    "holds to settle",
    "holds put",
    "holds settled",
    # Reorgs.
    "reorg found",
    "other side fetched",
    "reorg followed",
    "reorg told",
    "approval used",
    # The ops store; the part is what is changed.
    "ops change to commit",
    "ops change committed",
    "lease to acquire",
    "lease acquired",
    "lease extended",
    "lease to release",
    "lease released",
]
# Called with the name of the point and its part, "" where it has none.
Hook = Callable[[FaultPoint, str], None]

_hook: Hook | None = None


def fault_point(name: FaultPoint, part: str = "") -> None:
    """A place where a test may do something; otherwise nothing happens."""
    if _hook is not None:
        _hook(name, part)


def arm(hook: Hook | None) -> None:
    """From now on `hook` is called at every fault point of this process; None disarms them."""
    global _hook
    _hook = hook
