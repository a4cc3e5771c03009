"""The object store under the lake: a local folder, or a bucket of S3 or of what speaks like it.

    Storage (a record, picklable)  →  open_store()  →  ObjectStore (put, get, open, …)

Paths are relative to the lake's root and use `/`. A put is atomic: a reader sees the whole object
or none of it, also after a crash or on a full disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chain_assets.core.errors import ConfigError
from chain_assets.lake.local_store import NO_SPACE, LocalStore
from chain_assets.lake.s3_store import S3Access, S3Store

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "NO_SPACE",
    "LocalStore",
    "ObjectStore",
    "S3Access",
    "S3Store",
    "Storage",
    "open_store",
]

_ENCODED = re.compile(r"%[0-9a-fA-F]{2}")


@dataclass(frozen=True)
class Storage:
    """The lake's root, `s3://bucket/prefix` or a folder, and how to reach it."""

    uri: str
    s3: S3Access = field(default_factory=S3Access)

    @property
    def is_s3(self) -> bool:
        """Whether the root is a bucket."""
        return self.uri.startswith("s3://")

    def path(self, *parts: str) -> str:
        """The URI of an object of the lake."""
        return "/".join((self.uri.rstrip("/"), *parts))

    def delta_options(self) -> dict[str, str]:
        """delta-rs' storage options. Conditional puts are what makes concurrent commits safe."""
        if not self.is_s3:
            return {}
        options = {
            "aws_endpoint_url": self.s3.endpoint_url,
            "aws_region": self.s3.region_name,
            "aws_access_key_id": self.s3.access_key_id,
            "aws_secret_access_key": self.s3.secret_access_key,
            "aws_session_token": self.s3.session_token,
            "aws_conditional_put": "etag",
        }
        if (self.s3.endpoint_url or "").startswith("http://"):
            options["aws_allow_http"] = "true"
        return {name: value for name, value in options.items() if value is not None}


class ObjectStore(Protocol):
    """Six verbs. All raise StorageFailed, with the path and without credentials."""

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        """Store `data` at `path`, whole or not at all; an object that is there is replaced."""
        ...

    def settle(self, path: str) -> None:
        """See to it that the object at `path`, whoever put it there, outlives a power cut. Raises
        FileNotFoundError."""
        ...

    def get(self, path: str) -> bytes:
        """The bytes at `path`. Raises FileNotFoundError where there is no such object."""
        ...

    def open(self, path: str) -> pa.NativeFile:
        """The object at `path`, to read parts of. Raises FileNotFoundError, also OSError later."""
        ...

    def sizes(self, prefix: str) -> dict[str, int]:
        """Path and size in bytes of every object in the folder `prefix`, at any depth."""
        ...

    def move(self, path: str, to: str) -> None:
        """Rename an object. Raises FileNotFoundError."""
        ...


def open_store(storage: Storage) -> ObjectStore:
    """The store of `storage`. Raises ConfigError for a scheme or a path that is not supported."""
    # delta-rs takes `%20` for a space, and would write its tables to one place and read another.
    place = storage.uri if "://" in storage.uri else str(Path(storage.uri).absolute())
    encoded = _ENCODED.search(place)
    if encoded is not None:
        raise ConfigError(
            f"there is {encoded[0]!r} in the lake's path {place}, which is read as another sign",
            todo="Choose or make a folder without a percent sign before two hex digits",
        )
    if storage.is_s3:
        return S3Store(storage.uri, storage.s3)
    if "://" in storage.uri:
        scheme = storage.uri.split("://")[0]
        raise ConfigError(
            f"a lake at {scheme}:// is not supported", todo="Use s3://bucket/prefix or a folder"
        )
    return LocalStore(Path(storage.uri))
