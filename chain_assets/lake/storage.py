"""The object store under the lake: a local folder, or a bucket of S3 or of what speaks like it.

    Storage (a record, picklable)  →  open_store()  →  ObjectStore (put, get, sizes, move)

Paths are relative to the lake's root and use `/`. A put is atomic: a reader sees the whole object
or none of it, also after a crash or on a full disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chain_assets.core.errors import ConfigError, StorageFailed
from chain_assets.lake.local_store import NO_SPACE, LocalStore

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
class S3Access:
    """How to reach the bucket; what is None comes from the environment, as boto3 finds it."""

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


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
    """Four verbs. All raise StorageFailed, with the path and without credentials."""

    def put(self, path: str, data: bytes) -> None:
        """Store `data` at `path`, whole or not at all; an object that is there is replaced."""
        ...

    def get(self, path: str) -> bytes:
        """The bytes at `path`. Raises FileNotFoundError where there is no such object."""
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
        return S3Store(storage)
    if "://" in storage.uri:
        scheme = storage.uri.split("://")[0]
        raise ConfigError(
            f"a lake at {scheme}:// is not supported", todo="Use s3://bucket/prefix or a folder"
        )
    return LocalStore(Path(storage.uri))


_PRECONDITION_FAILED = 412


class S3Store:
    """A bucket, through boto3."""

    def __init__(self, storage: Storage) -> None:
        bucket, _, prefix = storage.uri.removeprefix("s3://").partition("/")
        if not bucket:
            raise ConfigError(
                f"the lake {storage.uri!r} names no bucket", todo="s3://bucket/prefix"
            )
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._client = _s3_client(storage.s3)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    def put(self, path: str, data: bytes) -> None:
        with self._errors(path, "written"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=data)

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Store `data` unless there is an object at `path`; whether it was stored."""
        with self._errors(path, "written"):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._key(path), Body=data, IfNoneMatch="*"
                )
            except self._client.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != _PRECONDITION_FAILED:
                    raise
                return False
        return True

    def delete(self, path: str) -> None:
        """Remove an object."""
        with self._errors(path, "removed"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(path))

    def get(self, path: str) -> bytes:
        with self._errors(path, "read"):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(path))
            data: bytes = answer["Body"].read()
            return data

    def sizes(self, prefix: str) -> dict[str, int]:
        found: dict[str, int] = {}
        strip = len(self._key("")) if self._prefix else 0
        with self._errors(prefix, "listed"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._key(prefix.rstrip("/") + "/")
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    found[entry["Key"][strip:]] = entry["Size"]
        return found

    def move(self, path: str, to: str) -> None:
        with self._errors(path, "moved"):
            source = {"Bucket": self._bucket, "Key": self._key(path)}
            self._client.copy_object(Bucket=self._bucket, Key=self._key(to), CopySource=source)
            self._client.delete_object(**source)

    @contextmanager
    def _errors(self, path: str, verb: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"s3://{self._bucket}/{self._key(path)}"
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code in ("NoSuchKey", "404"):
                raise FileNotFoundError(where) from None
            raise StorageFailed(f"{where} cannot be {verb}: {code}") from error
        except BotoCoreError as error:
            raise StorageFailed(f"{where} cannot be {verb}: {error}") from error


def _s3_client(access: S3Access) -> Any:
    from dagster_aws.s3 import S3Resource

    return S3Resource(
        endpoint_url=access.endpoint_url,
        region_name=access.region_name,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        aws_session_token=access.session_token,
    ).get_client()
