"""One recorded block: a file `<number>-<first 8 or more hex digits of the hash>.json[.gz|.zst]`.

It holds one JSON object, `{"block": …, "receipts": … or null}`; other keys are ignored. The name
is checked against the content: a file that was renamed or overwritten must not pass for another
block.
"""

from __future__ import annotations

import gzip
import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from chain_assets.core.errors import MalformedAnswer, SourceUnavailable, StorageFailed
from chain_assets.sources.protocol import Header, Json, RawBlock, header_of, parse_json, raw_block

_NAME = re.compile(r"(\d+)-([0-9a-f]{8,64})\.json(\.gz|\.zst)?")


@dataclass(frozen=True)
class Recording:
    """One file and the block that it holds."""

    path: Path
    header: Header
    has_receipts: bool

    def links_to(self, other: Recording) -> bool:
        """Whether `other` is this block's parent."""
        return self.header.parent_hash == other.header.hash


def parse_name(path: Path) -> tuple[int, str] | None:
    """The number and the first hex digits of the hash, or None where this is no block's file."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), match[2]) if match else None


def read_recording(path: Path, *, chain: str) -> Recording:
    """What the file at `path` holds. Raises MalformedAnswer and SourceUnavailable, naming it."""
    return _read(path, chain=chain)[0]


def read_raw_block(path: Path, *, chain: str, source: str) -> tuple[Recording, RawBlock]:
    """The same, and the block itself."""
    recording, content = _read(path, chain=chain)
    with _naming(path, chain=chain):
        block = raw_block(content["block"], content.get("receipts"), chain=chain, source=source)
    return recording, block


def write_recording(block: RawBlock, folder: Path, *, chain: str) -> Path:
    """Write `block` where a RecordedSource of `folder` finds it; the same block, the same bytes.

    The file appears whole or not at all. Raises StorageFailed.
    """
    header = block.header
    has_receipts = not block.payload.endswith(b'"receipts":null}')
    name = f"{header.number}-{header.hash.hex()[:8]}.json.gz"
    path = folder / chain / ("blocks" if has_receipts else "blocks-txonly") / name
    # A second process may write the same block: each has its own unfinished file.
    unfinished = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(gzip.compress(block.payload, mtime=0))
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        what = f"{path} cannot be written ({error.strerror})"
        raise StorageFailed(what, chain=chain, block=header.number) from error
    return path


def _read(path: Path, *, chain: str) -> tuple[Recording, Json]:
    content = _content(path, chain=chain)
    with _naming(path, chain=chain):
        header = header_of(content["block"], chain=chain)
        number, digits = parse_name(path) or (None, "")
        if header.number != number or not header.hash.hex().startswith(digits):
            what = f"holds block {header.number} with the hash 0x{header.hash.hex()}"
            raise MalformedAnswer(what, chain=chain, block=number)
    return Recording(path, header, content.get("receipts") is not None), content


def _content(path: Path, *, chain: str) -> Json:
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"{path} cannot be read ({error.strerror})"
        raise SourceUnavailable(what, chain=chain) from error
    try:
        content = parse_json(_decompressed(path, data))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        what = f"{path} is damaged ({type(error).__name__})"
        raise MalformedAnswer(what, chain=chain) from error
    if not isinstance(content, dict) or "block" not in content:
        raise MalformedAnswer(f"{path} is not an object with a `block`", chain=chain)
    return content


def _decompressed(path: Path, data: bytes) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        with pa.input_stream(pa.py_buffer(data), compression="zstd") as stream:
            return bytes(stream.read())
    return data


@contextmanager
def _naming(path: Path, *, chain: str) -> Iterator[None]:
    try:
        yield
    except MalformedAnswer as error:
        raise MalformedAnswer(f"{path}: {error.what}", chain=chain, block=error.block) from error
