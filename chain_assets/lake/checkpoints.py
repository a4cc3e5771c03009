"""A checkpoint of a Delta log that is damaged, set aside: the log before it says the same.

    _last_checkpoint → …30.checkpoint.parquet, cut off or gone     delta-rs reads nothing any more
    both get `.corrupt`                                            it reads …20.checkpoint.parquet,
                                                                   or all, and the commits since

delta-rs keeps the commits of the last days beside their checkpoints; where some that would be
needed are not there, nothing is touched.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from chain_assets.lake.storage import ObjectStore

_HINT = "_last_checkpoint"
_CORRUPT = ".corrupt"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")


def set_aside_damaged(store: ObjectStore, table: str) -> bool:
    """Whether the table's log can be read from something else than it was, after this.

    Raises StorageFailed.
    """
    log = f"{table}/_delta_log"
    sizes = {path.rpartition("/")[2]: size for path, size in store.sizes(log).items()}
    commits = {int(found[1]) for name in sizes if (found := _COMMIT.fullmatch(name))}
    checkpoints = {int(found[1]): name for name in sizes if (found := _CHECKPOINT.fullmatch(name))}
    damaged = []
    while checkpoints and not _is_whole(store, f"{log}/{checkpoints[max(checkpoints)]}"):
        damaged.append(checkpoints.pop(max(checkpoints)))
    first = max(checkpoints, default=-1) + 1
    has_all = bool(commits) and commits.issuperset(range(first, max(commits) + 1))
    misled = _HINT in sizes and _hinted(store, f"{log}/{_HINT}") not in checkpoints
    if not has_all or not (damaged or misled):
        return False
    # Without the hint delta-rs looks for checkpoints itself.
    for name in [_HINT, *damaged]:
        with suppress(FileNotFoundError):  # Another process may have moved it first.
            store.move(f"{log}/{name}", f"{log}/{name}{_CORRUPT}")
    return True


def _hinted(store: ObjectStore, path: str) -> int | None:
    """The version of the checkpoint that delta-rs looks at first."""
    with suppress(FileNotFoundError, ValueError, AttributeError):
        version = json.loads(store.get(path)).get("version")
        return version if isinstance(version, int) else None
    return None


def _is_whole(store: ObjectStore, path: str) -> bool:
    try:
        pq.read_table(pa.BufferReader(store.get(path)))
    except (OSError, pa.ArrowException):
        return False
    return True
