"""`chain-assets upkeep`: fewer files where blocks are final, and nothing that is out of use."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from chain_assets.chains import Chain
from chain_assets.commands.options import LEFT, ChainName, LakePath, console, parts_of_filled
from chain_assets.core.counted import counted
from chain_assets.core.errors import LeaseTaken
from chain_assets.layers.pipeline import Writer
from chain_assets.layers.upkeep import compact_closed, tidy_lake


def upkeep(
    chain: ChainName,
    only: Annotated[
        Literal["compact", "tidy"] | None, typer.Option(help="Just one half of it.")
    ] = None,
    merges: Annotated[int | None, typer.Option(help="Merge at most so often.", min=1)] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no merge after so many minutes.", min=0)
    ] = None,
    lake: LakePath = None,
) -> None:
    """Merge small files of final ranges (compact), and remove old files and commits (tidy).

    No row changes, and no reader is disturbed: files go a week after they fell out of use, in the
    tables of all chains. Exit code 3: something is left, for the time was up, or another writer
    was at it.
    """
    record, parts = parts_of_filled(chain, lake=lake)
    left = False
    with parts.writer.ops:
        if only != "tidy":
            seconds = None if minutes is None else minutes * 60
            left = _compact(record, parts.writer, most_merges=merges, most_seconds=seconds)
        if only != "compact":
            left = _tidy(parts.writer) or left
    raise typer.Exit(LEFT if left else 0)


def _compact(
    chain: Chain, writer: Writer, *, most_merges: int | None, most_seconds: float | None
) -> bool:
    """Whether anything is left."""
    done = compact_closed(
        chain,
        tables=writer.tables,
        ops=writer.ops,
        most_merges=most_merges,
        most_seconds=most_seconds,
    )
    _say(
        f"compacted: {counted(done.files, 'file')} of {done.size:,} bytes became {done.merges:,}, "
        f"in {counted(done.ranges, 'range')}"
    )
    if done.busy:
        _say(f"{done.busy:,} merges were left to whoever writes those ranges: run it again")
    if done.left:
        _say(f"{done.left:,} merges are left: run it again")
    return bool(done.busy or done.left)


def _tidy(writer: Writer) -> bool:
    """Whether it was left to another."""
    try:
        tidied = tidy_lake(writer.tables, writer.ops)
    except LeaseTaken as taken:
        _say(f"not tidied: {taken}")
        return True
    files, size = sum(one.files for one in tidied), sum(one.size for one in tidied)
    _say(f"tidied: {files:,} files of {size:,} bytes were out of use and are removed")
    return False


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
