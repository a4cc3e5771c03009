"""`chain-assets holds`: blocks that are held, and what a person does about them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from textwrap import shorten
from typing import Annotated, Literal

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from chain_assets.commands.options import (
    AnyChain,
    Blocks,
    ChainName,
    LakePath,
    Who,
    Why,
    console,
    ops_of,
    person,
    spans_of_text,
)
from chain_assets.commands.times import until
from chain_assets.core.errors import ConfigError
from chain_assets.ops.audit import spans_text
from chain_assets.ops.hold_rules import Hold
from chain_assets.ops.store import OpsStore

# Reasons quote hashes of 64 digits.
_WIDEST = 160

app = typer.Typer(no_args_is_help=True, help="Blocks that are held, and why.")


@app.command("list")
def list_holds(
    chain: AnyChain = None,
    state: Annotated[
        Literal["waiting", "dead", "dropped"] | None, typer.Option(help="Only these.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="One by one, and reasons whole.")] = False,
    lake: LakePath = None,
) -> None:
    """Show what is held: why, how often it was tried, and when it is tried again.

    waiting: tried again by itself. dead: failed too often, or waits for a person. dropped: given
    up by a person. Blocks that are held for the same reason share a line; --each shows all that is
    known of each block.
    """
    with ops_of(lake, chain=chain) as ops:
        holds = ops.holds.find(chain, state=state)
    if not holds:
        console.print("no block is held")
    for name, own in groupby(holds, key=lambda hold: hold.chain):
        console.print(_table(name, tuple(own), each=each))


@app.command()
def retry(chain: ChainName, blocks: Blocks, who: Who = None, lake: LakePath = None) -> None:
    """Have these blocks tried again, also dead and dropped ones: by the chain's sensor as soon as
    it comes by, or by `run` or `catch-up` now."""
    with ops_of(lake, chain=chain) as ops:
        numbers = _held(ops, chain, blocks)
        ops.holds.retry(chain, numbers, who=person(who))
    console.print(f"due now: {spans_text(numbers)}")


@app.command()
def drop(
    chain: ChainName, blocks: Blocks, why: Why, who: Who = None, lake: LakePath = None
) -> None:
    """Give these blocks up: nothing tries them any more but a `run` that names them, and what only
    lacks a price, a token or a label is enriched without it."""
    with ops_of(lake, chain=chain) as ops:
        numbers = _held(ops, chain, blocks)
        ops.holds.drop(chain, numbers, who=person(who), why=why)
    console.print(f"dropped: {spans_text(numbers)}")


def _held(ops: OpsStore, chain: str, blocks: str) -> list[int]:
    spans = spans_of_text(blocks)
    numbers = {hold.number for hold in ops.holds.find(chain)}
    found = sorted(n for n in numbers if any(n in span for span in spans))
    if not found:
        raise ConfigError(
            f"none of the blocks {blocks} is held",
            chain=chain,
            todo="`chain-assets holds list` shows those that are",
        )
    return found


def _table(chain: str, holds: Sequence[Hold], *, each: bool) -> Table:
    numbers = {hold.number for hold in holds}
    title = f"{chain}: {len(numbers):,} {'block is' if len(numbers) == 1 else 'blocks are'} held"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("blocks", max_width=24, overflow="fold")
    for name in ("stage", "state", "tries", "next try"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold")
    now = time.time()
    alike: dict[tuple[object, ...], list[Hold]] = {}
    for hold in holds:
        own = (hold.number,) if each else ()
        alike.setdefault((hold.stage, hold.state, hold.reason, *own), []).append(hold)
    for group in alike.values():
        reason = group[0].reason if each else shorten(group[0].reason, _WIDEST, placeholder=" …")
        table.add_row(*(Text(cell) for cell in (*_cells(group, now), reason)))
    return table


def _cells(alike: Sequence[Hold], now: float) -> tuple[str, ...]:
    """The line of holds that have stage, state and reason in common."""
    first = alike[0]
    tries = sorted({hold.attempts for hold in alike})
    next_try = until(min(hold.next_try_at for hold in alike), now=now)
    return (
        _blocks(alike),
        first.stage,
        first.state,
        str(tries[0]) if len(tries) == 1 else f"{tries[0]}-{tries[-1]}",
        next_try if first.state == "waiting" else "-",
    )


def _blocks(alike: Sequence[Hold]) -> str:
    text = spans_text(hold.number for hold in alike)
    shown = text.split(", ")
    return text if len(shown) <= 6 else f"{', '.join(shown[:5])}, … ({len(alike):,} blocks)"
