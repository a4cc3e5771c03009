"""Whether an object store keeps two writers apart, asked before anything is committed to it.

A Delta commit on S3 is a put that must fail where the version's file is there already
(`If-None-Match: *`). A store that ignores the header lets two writers overwrite each other's
commit: rows are lost, and nobody is told.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from functools import cache

from chain_assets.core.errors import ConfigError
from chain_assets.lake.storage import S3Store, Storage


@cache
def require_conditional_puts(storage: Storage) -> None:
    """Raise ConfigError where the lake's store ignores conditional puts. Asked once a process."""
    if not storage.is_s3:
        return
    store = S3Store(storage.uri, storage.s3)
    path = f"_probe/{uuid.uuid4().hex}"
    first, second = store.put_if_absent(path, b"1"), store.put_if_absent(path, b"2")
    # Where the answer to the first was lost, it was tried again, and found itself in the way.
    stored = first or _is_there(store, path, b"1")
    store.delete(path)
    if not stored or second:
        raise ConfigError(
            f"the store of {storage.uri} ignores conditional puts (If-None-Match)",
            todo="Two writers would lose each other's rows there: use one that honours them",
        )


def _is_there(store: S3Store, path: str, data: bytes) -> bool:
    with suppress(FileNotFoundError):
        return store.get(path) == data
    return False
