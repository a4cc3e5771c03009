"""What is damaged of a Delta log and can be spared, set aside: delta-rs reads nothing any more.

    _last_checkpoint → …30.checkpoint.parquet, cut off or gone     both get `.corrupt`, and delta-rs
                                                                   reads …20.checkpoint.parquet, or
                                                                   all, and the commits since
    …31.json, the newest commit, cut off                           it gets `.corrupt`, but only if
                                                                   a person asks: what it said, and
                                                                   others count on, is lost

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


def set_aside_torn(store: ObjectStore, table: str) -> list[str]:
    """The newest commits of the table's log, as far as they are no JSON; they are set aside.

    Raises StorageFailed.
    """
    log = f"{table}/_delta_log"
    names = sorted((path.rpartition("/")[2] for path in store.sizes(log)), reverse=True)
    checkpoints = [int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))]
    torn: list[str] = []
    for name in names:
        commit = _COMMIT.fullmatch(name)
        if commit is None:
            continue
        if int(commit[1]) in checkpoints or _is_whole_commit(store, f"{log}/{name}"):
            break
        with suppress(FileNotFoundError):  # Another process may have moved it first.
            store.move(f"{log}/{name}", f"{log}/{name}{_CORRUPT}")
        torn.append(name)
    return torn


def _is_whole_commit(store: ObjectStore, path: str) -> bool:
    try:
        return bool([json.loads(line) for line in store.get(path).splitlines()])
    except ValueError:
        return False
    except FileNotFoundError:  # The log was shortened meanwhile.
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
