"""One step of a follower: what the chain has and the lake lacks, block by block or a few at a time.

    reorgs healed ─→ the next blocks ─→ raw ─→ decoded ─→ enriched        step()
    holds that are due, files that are too many, ranges that are final    tend()

What is still to be decoded or enriched is kept as a set of ranges, and found anew from the tables
after a start or an error: a step may have been cut short anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, range_of, spans_of
from chain_assets.core.errors import LakeError
from chain_assets.core.head_plan import Heights
from chain_assets.layers.compaction import compact
from chain_assets.layers.finality import read_heights
from chain_assets.layers.follow_reports import Reports
from chain_assets.layers.forks import stored_ranges
from chain_assets.layers.holding import resting
from chain_assets.layers.pipeline import (
    Parts,
    heal_raw,
    split_by_range,
    write_raw,
)
from chain_assets.layers.raw_index import read_canonical
from chain_assets.layers.refetching import layers_above
from chain_assets.layers.report import LayerReport
from chain_assets.ops.hold_rules import Hold
from chain_assets.sources.one_look import OneLook


@dataclass(frozen=True)
class Stand:
    """Where a step left the chain: the head it saw, and how many blocks it wrote."""

    head: int
    written: int


class HeadStep:
    """The steps of one follower of one chain. One thread uses it."""

    def __init__(self, chain: Chain, parts: Parts, *, most_blocks: int, reports: Reports) -> None:
        self._chain, self._parts, self._reports = chain, parts, reports
        self._most_blocks = most_blocks
        # Ranges to decode and enrich; those in which files gather, until they are final.
        self._unfinished: set[BlockRange] = set()
        self._open: set[BlockRange] = set()
        self._looked = False
        self._given_up: set[Hold] = set()

    def step(self) -> Stand:
        """Write the next blocks, at most as many as fit into one batch.

        Raises ChainHalted, and the errors of source, lake and ops store.
        """
        source = OneLook(self._parts.source)
        try:
            heal_raw(self._chain, source, self._parts.writer)
            head, heights = read_heights(self._chain, source)
            if not self._looked:
                stored = self._stored_open(heights)
                self._open.update(stored)
                self._unfinished.update(stored)
                self._looked = True
            self._unfinished.update(self._replaced())
            written = self._write_raw(source, heights)
            self._finish()
        except BaseException:
            # Where it was cut short the tables know.
            self._looked = False
            raise
        return Stand(head.number, written)

    def tend(self) -> bool:
        """One piece of the work that can wait for a moment without blocks; False if there is none.

        Raises as `step` does.
        """
        writer = self._parts.writer
        mark = writer.ops.watermarks.watermark(self._chain.name)
        for block_range in sorted(self._open):
            closed = mark is not None and mark.number >= block_range.stop - 1
            if compact(
                self._chain,
                block_range,
                tables=writer.tables,
                ops=writer.ops,
                closed=closed,
                most_merges=1,
            ):
                return True
            if closed:
                self._open.remove(block_range)
                self._reports.close(block_range)
                return True
        return False

    def retry_due(self) -> int:
        """Try the blocks of open ranges again whose wait is over; how many there were."""
        due: dict[BlockRange, set[int]] = {}
        source = OneLook(self._parts.source)
        head, holds = source.head().number, self._parts.writer.ops.holds
        for hold in holds.due(self._chain.name):
            block_range = BlockRange.from_key(hold.block_range)
            fetched = hold.stage != "enrich"
            # What a node that lags behind does not have yet waits until it has.
            if block_range in self._open and (hold.number <= head or not fetched):
                due.setdefault(block_range, set())
                if fetched:
                    due[block_range].add(hold.number)
        given_up = {*holds.find(self._chain.name, stage="enrich", state="dropped")}
        for hold in given_up - self._given_up:
            # A person has done so since: they are enriched without what they lack.
            if (block_range := BlockRange.from_key(hold.block_range)) in self._open:
                due.setdefault(block_range, set())
        self._given_up = given_up
        for block_range, numbers in sorted(due.items()):
            self._unfinished.add(block_range)
            if numbers:
                self._raw(block_range, sorted(numbers), source)
        if due:
            self._finish()
        return len(due)

    def _stored_open(self, heights: Heights) -> list[BlockRange]:
        """The newest range that is stored, and those before it whose blocks are not all final."""
        stored = stored_ranges(self._chain, self._parts.writer.tables)
        first_open = heights.first_open(self._chain.max_reorg_depth)
        return [r for r in stored if r.stop > first_open or r == stored[-1]]

    def _replaced(self) -> list[BlockRange]:
        """Where a reorg was followed, by whomever, and the layers above have not followed yet."""
        keys = self._parts.writer.ops.unfinished.keys(self._chain.name, "layers")
        return [BlockRange.from_key(key) for key in keys]

    def _write_raw(self, source: OneLook, heights: Heights) -> int:
        numbers = self._wanted(heights)
        written = 0
        for block_range, own in split_by_range(self._chain, spans_of(numbers)):
            written += self._raw(block_range, own, source).written
        return written

    def _raw(self, block_range: BlockRange, numbers: list[int], source: OneLook) -> LayerReport:
        self._open.add(block_range)
        self._unfinished.add(block_range)
        report = write_raw(self._chain, block_range, source, self._parts.writer, numbers=numbers)
        self._tell(report)
        return report

    def _wanted(self, heights: Heights) -> list[int]:
        """The lowest blocks that are missing, from the first of the open ranges up to the head."""
        writer = self._parts.writer
        there = {
            row.number
            for block_range in self._stored_open(heights)
            for row in read_canonical(
                writer.tables, chain=self._chain.name, block_range=block_range.key
            )
        }
        # Also where nothing of that range is stored: while a chain is followed, whoever else writes
        # it leaves alone what is not final.
        lowest = min(heights.head, heights.first_open(self._chain.max_reorg_depth))
        start = max(range_of(max(0, lowest), self._chain.ranges).start, self._chain.start_block)
        first = min({start, *there})
        holds = [
            h for h in writer.ops.holds.find(self._chain.name, stage="fetch") if h.number >= first
        ]
        asleep = resting(writer.ops, self._chain, holds)
        missing = (n for n in range(first, heights.head + 1) if n not in there and n not in asleep)
        return list(islice(missing, self._most_blocks))

    def _finish(self) -> None:
        """Decode and enrich what is not yet. What is wrong with tables of one range is raised when
        the others are done: the head does not wait for it."""
        parts, failed = self._parts, None
        for block_range in sorted(self._unfinished):
            try:
                for report in layers_above(self._chain, block_range, parts):
                    self._tell(report)
            except LakeError as error:
                failed = failed or error
            else:
                self._unfinished.remove(block_range)
        if failed is not None:
            raise failed

    def _tell(self, report: LayerReport) -> None:
        if report.written or report.removed or report.failed:
            self._reports.add(report)
