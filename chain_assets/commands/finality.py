"""`chain-assets finality`: up to which block a chain counts as final, and a person's way back."""

from __future__ import annotations

import typer

from chain_assets.commands.options import ChainName, LakePath, Who, Why, console, ops_of, person
from chain_assets.commands.times import utc

app = typer.Typer(no_args_is_help=True, help="Up to which block a chain counts as final.")


@app.command()
def show(chain: ChainName, lake: LakePath = None) -> None:
    """Show the highest block that the chain's node ever called final."""
    with ops_of(lake, chain=chain) as ops:
        mark = ops.watermarks.watermark(chain)
    if mark is None:
        console.print(f"{chain}: no block counts as final")
        return
    # As it is: the hash is for copying.
    console.print(
        f"{chain}: block {mark.number} (0x{mark.hash.hex()}) since {utc(mark.raised_at)}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def forget(chain: ChainName, why: Why, who: Who = None, lake: LakePath = None) -> None:
    """Where the node lied: no block counts as final, until the next run asks the node again."""
    with ops_of(lake, chain=chain) as ops:
        mark = ops.watermarks.forget(chain, who=person(who), why=why)
    if mark is None:
        console.print(f"{chain}: no block counts as final")
    else:
        console.print(f"{chain}: block {mark.number} no longer counts as final", highlight=False)
