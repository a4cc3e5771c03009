"""One block of a range of 1,000 made anew, beside all of them: CPU seconds, mainnet's density.

Each repair fetches, decodes and enriches a block; so does what it stands beside, for all blocks.

    a held block comes in     the range is closed, its tables are a file each; rows are only added
    a blob was lost           the block is fetched anew; its rows, in a closed range, stay
    rows replaced, newest     as in a reorg: the last blocks, which a follower wrote one by one
    rows replaced, open       blocks further back in the range that is followed, in small files
    rows replaced, young      the last blocks, where all were written at once, by a backfill
    rows replaced, written    those before them: they lie in a file a table for each task
    rows replaced, closed     compacted: a file is remade as a whole, and here it is the range
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.healing_lake import RANGE, Bench, bench_chain
from benchmarks.made_blocks import FIRST, MadeBlocks
from benchmarks.measure import Row
from chain_assets.core.block_range import BlockRange
from chain_assets.core.schemas import ENRICHED_TABLES, RAW_BLOCKS
from chain_assets.layers.compaction import MOST_FILES, compact
from chain_assets.layers.decode_task import WRITTEN
from chain_assets.layers.pipeline import Parts, run_blocks, write_decoded, write_enriched, write_raw
from chain_assets.layers.raw_index import read_index
from chain_assets.layers.report import no_progress
from chain_assets.sources.protocol import Header, RawBlock

# Blocks that are repaired, one after another; the first of all is to warm up.
_REPAIRED = (7, 500, 123, 877, 345, 690)


class Answers:
    """Made blocks that are at hand, as a node's answers are: making them is not our work."""

    def __init__(self, made: MadeBlocks) -> None:
        self._made = made
        self._blocks = {b.header.number: b for b in made.blocks(range(FIRST, FIRST + RANGE))}

    def head(self) -> Header:
        """The last block."""
        return self._made.head()

    def finalized(self) -> Header:
        """All are final."""
        return self._made.head()

    def header(self, number: int) -> Header:
        """The header of block `number`."""
        return self._blocks[number].header

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        """The blocks asked for."""
        return (self._blocks[number] for number in numbers)


class RangeOfBlocks:
    """A range of 1,000 blocks in a lake of its own."""

    def __init__(self, folder: Path, source: Answers) -> None:
        self.chain = replace(bench_chain(blocks=1), start_block=FIRST, requires=())
        self.bench = Bench.into(folder, self.chain)
        self.range = BlockRange(FIRST, FIRST + RANGE)
        self._parts: Parts = replace(self.bench.parts(), source=source)

    def write(self) -> float:
        """All blocks through all layers, as a backfill does."""
        started = time.process_time()
        self._write(self.range)
        return time.process_time() - started

    def follow(self) -> None:
        """All blocks, as a follower leaves them: the last ones one by one, in files of their own,
        those before as they were merged."""
        last = self.range.stop - MOST_FILES
        for first in range(self.range.start, last, MOST_FILES):
            self._write(BlockRange(first, min(first + MOST_FILES, last)))
        for number in range(last, self.range.stop):
            self._write(BlockRange(number, number + 1))

    def _write(self, span: BlockRange) -> None:
        run_blocks(self.chain, [span], self._parts, progress=lambda layer: no_progress)

    def compact(self) -> None:
        """As when the range is final."""
        compact(self.chain, self.range, tables=self.bench.tables, ops=self.bench.ops, closed=True)

    def repair(self, number: int) -> float:
        """Fetch a block whose blob is lost, and make its rows anew."""
        self._lose(number)
        parts, repair = self._parts, {number}
        started = time.process_time()
        write_raw(self.chain, self.range, parts.source, parts.writer, numbers=[number])
        write_decoded(
            self.chain, self.range, parts.engine, parts.registry, parts.writer, repair=repair
        )
        write_enriched(self.chain, self.range, parts.engine, parts.writer, repair=repair)
        return time.process_time() - started

    def fill_in(self, number: int) -> float:
        """Fetch a block that the lake does not have."""
        partition = {"chain": self.chain.name, "block_range": self.range.key}
        for table in (RAW_BLOCKS, *WRITTEN, *ENRICHED_TABLES):
            self.bench.tables.replace_blocks(table, [], partition=partition, numbers={number})
        started = time.process_time()
        self._write(BlockRange(number, number + 1))
        return time.process_time() - started

    def fetch_anew(self, number: int) -> float:
        """Fetch a block whose blob is lost; its rows are there."""
        self._lose(number)
        started = time.process_time()
        self._write(BlockRange(number, number + 1))
        return time.process_time() - started

    def _lose(self, number: int) -> None:
        rows = read_index(self.bench.tables, chain=self.chain.name, block_range=self.range.key)
        uri = next(row.uri for row in rows if row.number == number)
        Path(self.bench.tables.storage.path(uri)).unlink()


def repair(folder: Path) -> list[Row]:
    """A row for each state that a range may be in."""
    source = Answers(MadeBlocks(RANGE))
    warm = RangeOfBlocks(folder / "warm", source)
    warm.follow()
    opened = _median(warm.repair)
    last = range(RANGE - len(_REPAIRED), RANGE)
    newest = _median(warm.repair, among=last)
    written = RangeOfBlocks(folder / "written", source)
    whole = written.write()
    replaced = _median(written.repair)
    young = _median(written.repair, among=last)
    written.compact()
    closed = _median(written.repair, after=1)
    added = _median(written.fill_in, after=2)
    refetched = _median(written.fetch_anew, after=3)

    def row(name: str, seconds: float) -> Row:
        return (name, f"{seconds * 1000:.0f} ms", f"{seconds / whole:.1%}")

    return [
        ("fetch, decode and enrich 1,000 blocks", f"{whole * 1000:.0f} ms", ""),
        row("1 of them: held until now, range closed", added),
        row("1 of them: its blob lost, range closed", refetched),
        row("1 of them: rows replaced, among the newest", newest),
        row("1 of them: rows replaced, range open", opened),
        row("1 of them: rows replaced, newest, range just written", young),
        row("1 of them: rows replaced, older, range just written", replaced),
        row("1 of them: rows replaced, range closed", closed),
    ]


def _median(
    one: Callable[[int], float], *, among: Sequence[int] = _REPAIRED, after: int = 0
) -> float:
    # A block that was repaired lies in a small file of its own: each is taken only once.
    taken = [one(FIRST + number + after) for number in among]
    return statistics.median(taken[1:])
