"""`chain-assets catch-up`: everything from the chain's start block to its head, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from chain_assets.chains import Chain
from chain_assets.commands.options import (
    LEFT,
    ChainName,
    EngineName,
    LakePath,
    Recorded,
    console,
    parts_of,
    reference_of,
)
from chain_assets.core.block_range import BlockRange
from chain_assets.core.catch_up import Chunks, Standing
from chain_assets.core.counted import counted
from chain_assets.core.errors import BudgetSpent
from chain_assets.layers.catching_up import Caught, Pace, catch_up, clear_above
from chain_assets.layers.permission import (
    backfill_approval,
    catch_up_question,
    note_range,
    ranges_done,
    use_up,
)
from chain_assets.layers.pipeline import Parts, heal_raw, write_reference
from chain_assets.layers.standing import standing_of
from chain_assets.ops.approvals import Approval
from chain_assets.ops.store import OpsStore
from chain_assets.sources.budget import Budget, BudgetedSource, OwnRate

# Planning takes some thirty: with fewer nothing would ever be done.
_LEAST_REQUESTS = 100


def catch_up_command(
    chain: ChainName,
    ranges: Annotated[int | None, typer.Option(help="At most so many ranges.", min=1)] = None,
    requests: Annotated[
        int | None,
        typer.Option(help="At most so many requests to the node.", min=_LEAST_REQUESTS),
    ] = None,
    requests_per_second: Annotated[
        float | None,
        typer.Option(
            help="On average at most so many; the chain's own limit holds too.", min=0.001
        ),
    ] = None,
    chunk_blocks: Annotated[
        int, typer.Option(help="Blocks fetched and committed at a time.", min=1)
    ] = 500,
    lake: LakePath = None,
    recorded: Recorded = None,
    engine: EngineName = None,
) -> None:
    """Fill all that is behind, up to the head; it goes on where it stood.

    The head comes first, newest first, then history, oldest first. Stop it whenever you like.
    Held blocks are tried when they are due. Exit code 3: something is left, blocks that are held
    or ranges that are behind.
    """
    record, parts = parts_of(chain, lake=lake, recorded=recorded, engine=engine)
    rate = None if requests_per_second is None else OwnRate(requests_per_second)
    budget = Budget(total=requests, rate=rate)
    source = BudgetedSource(parts.source, budget, chain)
    parts = replace(parts, source=source, writer=replace(parts.writer, patient=True))
    with parts.writer.ops as ops:
        reference = reference_of(record, head=source.head().number)
        # What a reorg has replaced is behind: by heights alone it is not seen.
        heal_raw(record, source, parts.writer)
        clear_above(record, parts)
        behind = standing_of(record, source, parts.writer.tables, ops)
        approval, most = _approval(record, behind, ranges, ops)
        ended = _Ended()
        if behind:
            write_reference(record, reference, parts.writer)
            work = _Work(record, parts, Pace(Chunks(chunk_blocks), budget), approval)
            ended = _catch_up(work, most, sum(one.missing for one in behind))
        else:
            console.print("nothing is behind")
        if ended.done:
            use_up(approval, ops)
        held = {hold.number for hold in ops.holds.find(record.name) if hold.state != "dropped"}
    if held:
        are = "is" if len(held) == 1 else "are"
        count = counted(len(held), "block")
        console.print(f"{count} {are} held: chain-assets holds list --chain {chain}")
    raise typer.Exit(LEFT if ended.left or held else 0)


@dataclass(frozen=True)
class _Work:
    """What is done, by leave of what approval, if it takes one."""

    chain: Chain
    parts: Parts
    pace: Pace
    approval: Approval | None


def _approval(
    chain: Chain, behind: Sequence[Standing], ranges: int | None, ops: OpsStore
) -> tuple[Approval | None, int | None]:
    """The approval by which so many ranges may be taken, if any; and how many are left of them
    after calls that were interrupted. Raises ApprovalNeeded."""
    asked = catch_up_question(chain, ranges=ranges)
    before = ops.approvals.find("backfill", chain.name, asked)
    most = None if ranges is None else ranges - len(ranges_done(before))
    if most is not None and most < 1:
        use_up(before, ops)
        most = ranges
    approval = backfill_approval(
        chain,
        [_whole(chain, behind)],
        ops,
        blocks=sum(standing.missing for standing in behind[:most]),
        asked=asked,
    )
    return approval, most


@dataclass(frozen=True)
class _Ended:
    """How a call ended. `done`: neither its budget nor an error kept it from anything, so that an
    approval is used up; `left`: something is behind that was there at the beginning."""

    done: bool = True
    left: bool = False


def _whole(chain: Chain, behind: Sequence[Standing]) -> BlockRange:
    stops = [standing.block_range.stop for standing in behind]
    return BlockRange(chain.start_block, max(stops, default=chain.start_block + 1))


def _catch_up(work: _Work, ranges: int | None, total: int) -> _Ended:
    done, ops = True, work.parts.writer.ops
    with _progress() as bar:
        task = bar.add_task(work.chain.name, total=total, note="")
        pace = replace(work.pace, progress=lambda more: bar.update(task, advance=more))
        caught: Caught | None = None
        try:
            for caught in catch_up(work.chain, work.parts, pace, most_ranges=ranges):
                _tell(bar, task, caught, total=total)
                done = done and caught.error is None
                if ranges is not None and caught.error is None:
                    note_range(work.approval, caught.block_range, ops)
        except BudgetSpent as spent:
            console.print(str(spent), markup=False)
            return _Ended(done=False, left=True)
    return _Ended(done, left=not done or (caught is not None and caught.ranges_left > 0))


def _tell(bar: Progress, task: TaskID, caught: Caught, *, total: int) -> None:
    note = f"{counted(caught.ranges_left, 'range')} left"
    if caught.seconds_left is not None and caught.ranges_left:
        note += f", some {timedelta(seconds=round(caught.seconds_left))}"
    bar.update(task, completed=total - caught.blocks_left, note=note)
    held = f", {caught.held:,} held" if caught.held else ""
    done = f"{caught.block_range.key}: {counted(caught.written, 'block')}{held}; {note}"
    console.print(done, markup=False, highlight=False)
    if caught.error is not None and not isinstance(caught.error, BudgetSpent):
        console.print(f"  left: {caught.error}", markup=False, highlight=False, soft_wrap=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} blocks"),
        TextColumn("{task.fields[note]}"),
        console=console,
    )
