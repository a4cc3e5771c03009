"""The `chain-assets` command: the layers without Dagster, and what one wants beside them.

run       blocks of a chain through all layers     holds      blocks that are held, and why
catch-up  all that is behind, up to the head       approvals  what waits for a person's decision
follow    each new block as it comes               refresh    rows of older versions anew
gaps      what is wrong with tables, mends it      sql        a query over the lake
upkeep    fewer files, none that is out of use     warm-up    compiles the kernels
record    blocks into a folder                     demo       a small lake by Dagster's machinery
devnet    a made-up node over JSON-RPC             finality   up to which block all is final

Exit codes stand in chain_assets/commands/__init__.py.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from chain_assets import report_tables
from chain_assets.assembly import at_rate, devnet_spec, open_lake, open_source
from chain_assets.commands import approvals, finality, holds
from chain_assets.commands.catch_up import catch_up_command
from chain_assets.commands.follow import follow_command
from chain_assets.commands.gaps import gaps
from chain_assets.commands.options import Blocks, ChainName, LakePath, console, spans_of_text
from chain_assets.commands.refresh import refresh
from chain_assets.commands.run import run
from chain_assets.commands.upkeep import upkeep
from chain_assets.config import load_settings
from chain_assets.core.errors import ChainAssetsError, ConfigError, OptionError
from chain_assets.core.schemas import TABLES
from chain_assets.core.warm_up import warm_up
from chain_assets.lake.views import query
from chain_assets.sources.recorded import write_recording

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A lake of EVM blocks that heals itself.",
    epilog="Exit codes: 0 done; 1 an error; 2 wrong options; 3 done, but something is left "
    "(blocks that are held, ranges that are behind, gaps).",
)
app.command()(run)
app.command("catch-up")(catch_up_command)
app.command("follow")(follow_command)
app.command()(gaps)
app.command()(refresh)
app.command()(upkeep)
app.add_typer(holds.app, name="holds")
app.add_typer(approvals.app, name="approvals")
app.add_typer(finality.app, name="finality")


@app.command()
def record(
    chain: ChainName,
    blocks: Blocks,
    to: Annotated[Path, typer.Option("--to", help="Folder to write into.")],
) -> None:
    """Fetch blocks and keep them as files that `--recorded` reads."""
    settings = load_settings()
    spans = spans_of_text(blocks)
    source = at_rate(open_source(settings.chain(chain)), settings.chain(chain), None)
    with report_tables.progress_bars(console, ("recorded",), sum(map(len, spans))) as progress:
        done = progress("recorded")
        for block in source.blocks([n for span in spans for n in span.numbers()]):
            write_recording(block, to, chain=chain)
            done(1)


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="SQL, as DuckDB speaks it.")],
    lake: LakePath = None,
    output: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How to print it.")
    ] = "table",
) -> None:
    """Query the lake's tables; hashes and addresses read as 0x hex."""
    tables = open_lake(load_settings(), lake)
    # A misspelt path must not answer as a lake without rows does.
    if all(tables.open(table) is None for table in TABLES.values()):
        raise ConfigError(
            f"there is no table in the lake {tables.storage.uri}",
            todo="Name another with --lake, or fill it with `chain-assets run`",
        )
    answer = query(tables, statement)
    report_tables.print_answer(console, answer, output)


@app.command()
def devnet(
    chain: ChainName = "devnet",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8545,
    live: Annotated[bool, typer.Option(help="A new block every block time.")] = False,
) -> None:
    """Serve a made-up chain as a node over JSON-RPC, until interrupted."""
    from chain_assets.sources.devnet import Devnet, serve

    record = load_settings().chain(chain)
    if record.devnet is None:
        raise ConfigError("is no devnet", chain=chain, todo="Use a chain whose source is devnet")
    node = Devnet(devnet_spec(record))
    with serve(node, port=port) as url:
        console.print(f"{chain} (chain id {record.chain_id}, head {node.head}) at {url}")
        while True:
            time.sleep(record.block_time_seconds)
            if live:
                node.advance(1)


@app.command()
def demo(lake: LakePath = None) -> None:
    """Fill a lake from two made-up chains by Dagster's own runs, and ask it three questions."""
    from chain_assets.demo import run_demo

    run_demo(console, load_settings(), lake=lake)


@app.command("warm-up")
def warm_up_kernels() -> None:
    """Compile the decoding kernels, so that the first block of a worker costs no more than its
    second. `make` does it once."""
    started = time.monotonic()
    warm_up()
    console.print(f"kernels ready after {time.monotonic() - started:.1f} s")


def main() -> None:
    """Entry point: an error of ours is a line on stderr and an exit code, not a traceback."""
    try:
        app()
    except ChainAssetsError as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]", end=": ", markup=True)
        sys.stderr.write(" ".join(str(error).splitlines()) + "\n")
        sys.exit(2 if isinstance(error, OptionError) else 1)
