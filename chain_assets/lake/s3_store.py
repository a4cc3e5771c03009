"""A bucket as the object store of a lake: see ObjectStore in storage.py."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from chain_assets.core.errors import ConfigError, StorageFailed

if TYPE_CHECKING:
    import pyarrow as pa

_PRECONDITION_FAILED = 412


@dataclass(frozen=True)
class S3Access:
    """How to reach the bucket; what is None comes from the environment, as boto3 finds it."""

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


class S3Store:
    """A bucket, through boto3."""

    def __init__(self, uri: str, access: S3Access) -> None:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not bucket:
            raise ConfigError(f"the lake {uri!r} names no bucket", todo="s3://bucket/prefix")
        self._bucket, self._prefix = bucket, prefix.strip("/")
        self._client = _s3_client(access)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        with self._errors(path, "written"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=bytes(data))

    def settle(self, path: str) -> None:
        """Nothing: a bucket has stored what it says it has."""

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

    def open(self, path: str) -> pa.NativeFile:
        import pyarrow as pa

        with self._errors(path, "read"):
            answer = self._client.head_object(Bucket=self._bucket, Key=self._key(path))
        return pa.PythonFile(_Parts(partial(self._part, path), answer["ContentLength"]), mode="r")

    def _part(self, path: str, start: int, stop: int) -> bytes:
        with self._errors(path, "read"):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key(path), Range=f"bytes={start}-{stop - 1}"
            )
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


class _Parts(io.RawIOBase):
    """An object that is read by one request a part: `part(start, stop)`.

    delta-rs has such a file, too, but other threads of Python stand still while it reads.
    """

    def __init__(self, part: Callable[[int, int], bytes], size: int) -> None:
        self._part, self._size, self._place = part, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        since = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}
        self._place = since[whence] + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._size, self._place + size)
        if stop <= self._place:
            return b""
        data = self._part(self._place, stop)
        self._place += len(data)
        return data


def _s3_client(access: S3Access) -> Any:
    from dagster_aws.s3 import S3Resource

    return S3Resource(
        endpoint_url=access.endpoint_url,
        region_name=access.region_name,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
        aws_session_token=access.session_token,
    ).get_client()
