"""A local folder as the object store of a lake: see ObjectStore in storage.py."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chain_assets.core.errors import StorageFailed

if TYPE_CHECKING:
    import pyarrow as pa

NO_SPACE = "Free some space"


class LocalStore:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: str, data: bytes | pa.Buffer) -> None:
        target = self._root / path
        # A name of its own for each writer, so that two writers of one object do not mix bytes.
        partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_bytes(data)
                partial.replace(target)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                raise
        except OSError as error:
            # Also where the system says "not found": /proc, say, takes no new folders.
            raise _failed(target, "written", error) from error

    def settle(self, path: str) -> None:
        with _os_errors(self._root / path, "written"):
            for place in (self._root / path, (self._root / path).parent):
                _write_through(place)

    def get(self, path: str) -> bytes:
        with _os_errors(self._root / path, "read"):
            return (self._root / path).read_bytes()

    def open(self, path: str) -> pa.NativeFile:
        import pyarrow as pa

        # Not mapped into memory: a file that shrinks under a map ends the process.
        with _os_errors(self._root / path, "read"):
            return pa.OSFile(str(self._root / path))

    def sizes(self, prefix: str) -> dict[str, int]:
        with _os_errors(self._root / prefix, "listed"):
            return dict(_sizes(str(self._root / prefix), prefix.rstrip("/")))

    def move(self, path: str, to: str) -> None:
        with _os_errors(self._root / path, "moved"):
            (self._root / path).replace(self._root / to)


def _write_through(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Of folders some file systems cannot be asked.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _sizes(folder: str, name: str) -> Iterator[tuple[str, int]]:
    # What is removed while the folder is listed is not there, nor is the folder itself.
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            path = f"{name}/{entry.name}" if name else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(entry.path, path)
            elif entry.is_file() and not entry.name.endswith(".partial"):
                with suppress(FileNotFoundError):
                    yield path, entry.stat().st_size


@contextmanager
def _os_errors(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _failed(path, verb, error) from error


def _failed(path: Path, verb: str, error: OSError) -> StorageFailed:
    todo = NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    reason = error.strerror or type(error).__name__
    return StorageFailed(f"{path} cannot be {verb}: {reason}", todo=todo)
