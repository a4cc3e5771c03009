"""Blocks for the benchmarks: made by the devnet at mainnet's density, once, and kept in a cache.

Real blocks are not in the repository; these have about as many transactions, logs and bytes. They
are made and kept one by one: a thousand of them take 700 MB as JSON, and half a minute to make.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from chain_assets.core.block_json import RawPayload
from chain_assets.lake.blobs import compress, decompress
from chain_assets.sources import devnet
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets.sources.protocol import Header, RawBlock

# As many as a range has.
FIRST, COUNT = 1_000, 1_000
_CACHE = Path(tempfile.gettempdir()) / "chain_assets_benchmarks"


def mainnet_blocks(count: int) -> list[RawPayload]:
    """The first `count` blocks as the sources give them (uncompressed JSON), all in memory."""
    numbers = range(FIRST, FIRST + count)
    return [
        RawPayload(block.header.number, block.header.hash, block.payload)
        for block in MadeBlocks(count).blocks(numbers)
    ]


class MadeBlocks:
    """A source of the first `count` blocks, each read from the cache when it is asked for."""

    def __init__(self, count: int) -> None:
        if count > COUNT:
            raise ValueError(f"at most {COUNT} blocks are made, not {count}")
        self._last = FIRST + count - 1
        _make(self._last)

    def head(self) -> Header:
        """The last block."""
        return self.header(self._last)

    def finalized(self) -> Header:
        """All are final."""
        return self.head()

    def header(self, number: int) -> Header:
        """The header of block `number`."""
        return _read(number).header

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The blocks asked for."""
        for number in numbers:
            block = _read(number)
            yield replace(block, payload=decompress(block.payload))


def _make(last: int) -> None:
    """Make and keep the blocks up to `last` that are not kept yet."""
    _folder().mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(FIRST, last + 1) if not _path(number).exists()]
    if not missing:
        return
    source = DevnetSource(Devnet(DevnetSpec(first_block=FIRST, blocks=COUNT)))
    for block in source.blocks(missing):
        kept = pickle.dumps(replace(block, payload=compress(block.payload)))
        # A name of its own first: a run that is stopped here leaves no half of a block.
        unfinished = _path(block.header.number).with_suffix(".partial")
        unfinished.write_bytes(kept)
        unfinished.replace(_path(block.header.number))


def _read(number: int) -> RawBlock:
    block: RawBlock = pickle.loads(_path(number).read_bytes())
    return block


def _path(number: int) -> Path:
    return _folder() / f"{number}.pickle"


@cache
def _folder() -> Path:
    """Where the blocks of this code are kept: a devnet that is changed makes others."""
    code = Path(devnet.__file__).parent.glob("*.py")
    made_by = sha256(b"".join(path.read_bytes() for path in sorted(code)))
    return _CACHE / made_by.hexdigest()[:16]
