"""Catching up with a chain, range by range, in an order and at a pace that can be kept up.

    reorgs ─→ where does it stand? ─→ the next range ─→ raw, by chunks ─→ decoded ─→ enriched ─┐
       └───────────────────────────────────────────────────────────────────────────────────────┘

All that is done stands in the tables, so it goes on from there after any kill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from chain_assets.chains import Chain
from chain_assets.core.block_range import BlockRange, ranges_between
from chain_assets.core.catch_up import Chunks, Course, seconds_left
from chain_assets.core.errors import (
    OF_ONE_RANGE,
    BudgetSpent,
    ChainAssetsError,
    RateLimited,
    SourceUnavailable,
    StorageFailed,
)
from chain_assets.layers.pipeline import Parts, heal_raw, write_raw
from chain_assets.layers.refetching import layers_above
from chain_assets.layers.report import LayerReport, Progress, no_progress
from chain_assets.layers.standing import standing_of, unsettled
from chain_assets.sources.budget import Budget
from chain_assets.sources.one_look import OneLook

_OF_THE_NODE = (SourceUnavailable, RateLimited)
# A node that did not give the blocks of so many ranges in a row will not give the next ones, and
# a store that did not take them is full.
_MOST_IN_VAIN = 3


@dataclass(frozen=True)
class Caught:
    """A range that was taken: how many blocks were written and are held; where something stopped
    it, the error; and what is left of the whole."""

    block_range: BlockRange
    written: int
    held: int
    error: ChainAssetsError | None
    ranges_left: int
    blocks_left: int
    seconds_left: float | None


@dataclass(frozen=True)
class Pace:
    """How a range is taken: so much at a time, within what budget, and who is told."""

    chunks: Chunks
    budget: Budget
    progress: Progress = no_progress


def catch_up(
    chain: Chain,
    parts: Parts,
    pace: Pace,
    *,
    most_ranges: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Caught]:
    """Take range after range until none is behind, or `most_ranges` were taken.

    A range where something is wrong is left, and the others go on. Raises ChainHalted,
    BudgetSpent, SourceError and what else concerns more than one range; the next call goes on.
    """
    started, written, in_vain = clock(), 0, 0
    course = Course()
    while most_ranges is None or len(course.taken) < most_ranges:
        # First, or a reorg to the same height would be no news: as many blocks are there as before.
        reorg = heal_raw(chain, parts.source, parts.writer)
        if reorg is not None:
            replaced = ranges_between(reorg.first_number, reorg.old_head_number, chain.ranges)
            course.forget(list(replaced))
        clear_above(chain, parts)
        behind = standing_of(chain, parts.source, parts.writer.tables, parts.writer.ops)
        standing = course.next(behind)
        if standing is None:
            return
        done, held, error = _take(chain, standing.block_range, parts, pace)
        written += done
        rest = course.left(behind)
        blocks_left = sum(s.missing for s in rest)
        yield Caught(
            block_range=standing.block_range,
            written=done,
            held=held,
            error=error,
            ranges_left=len(rest),
            blocks_left=blocks_left,
            seconds_left=seconds_left(done=written, left=blocks_left, elapsed=clock() - started),
        )
        in_vain = in_vain + 1 if isinstance(error, (*_OF_THE_NODE, StorageFailed)) else 0
        if error and (isinstance(error, BudgetSpent) or in_vain == _MOST_IN_VAIN):
            raise error


def clear_above(chain: Chain, parts: Parts) -> None:
    """A reorg may leave the chain lower than it was: rows of blocks above its head go now, as no
    range up to the head has them. Raises SourceError, OpsStoreFailed."""
    replaced = sorted(parts.writer.ops.unfinished.keys(chain.name, "layers"))
    head = parts.source.head().number if replaced else 0
    for block_range in map(BlockRange.from_key, replaced):
        if block_range.start > head:
            # They are looked for again by the next call.
            with suppress(*OF_ONE_RANGE):
                list(layers_above(chain, block_range, parts))


def _take(
    chain: Chain, block_range: BlockRange, parts: Parts, pace: Pace
) -> tuple[int, int, ChainAssetsError | None]:
    """All layers of a range: how many blocks were enriched, how many are held, what stopped it.

    What came until the node or the budget gave no more is decoded and enriched at once.
    """
    stopped: ChainAssetsError | None = None
    reports: list[LayerReport] = []
    try:
        for report in _fetch(chain, block_range, parts, pace):
            reports.append(report)
    except (BudgetSpent, *_OF_THE_NODE) as error:
        stopped = error
    except OF_ONE_RANGE as error:
        return 0, 0, error
    try:
        reports += layers_above(chain, block_range, parts)
    except (BudgetSpent, *_OF_THE_NODE, *OF_ONE_RANGE) as error:
        return 0, 0, error
    held = {block.number for report in reports for block in report.held}
    return reports[-1].written, len(held), stopped


def _fetch(
    chain: Chain, block_range: BlockRange, parts: Parts, pace: Pace
) -> Iterator[LayerReport]:
    """A report a chunk. Raises BudgetSpent, and the errors of raw_blocks.

    Of several nodes behind one URL each has a head of its own: what the one that answers now does
    not have is left for the next time.
    """
    writer = parts.writer
    left = unsettled(chain, block_range, parts.source, writer.tables, writer.ops)
    while left:
        look = OneLook(parts.source)
        left = [number for number in left if number <= look.head().number]
        if not left:
            return
        most = pace.budget.blocks_left(chain=chain.name)
        numbers = left[: pace.chunks.size if most is None else min(pace.chunks.size, most)]
        try:
            report = write_raw(
                chain,
                block_range,
                look,
                writer,
                numbers=numbers,
                progress=pace.progress,
            )
        except MemoryError:
            if not pace.chunks.too_large(len(numbers)):
                raise
        except SourceUnavailable:
            # One that is down altogether is asked for nothing more: this raises.
            parts.source.head()
            if not pace.chunks.too_slow(len(numbers)):
                raise
        else:
            pace.chunks.went_well()
            left = left[len(numbers) :]
            yield report
