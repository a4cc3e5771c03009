"""The `chain-assets` command: the layers without Dagster, and what one wants beside them.

run      blocks of a chain through all three layers       record   blocks into a folder
sql      a query over the lake                            devnet   a made-up node over JSON-RPC
demo     a small lake by Dagster's own machinery          warm-up  compiles the kernels
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from chain_assets import report_tables
from chain_assets.assembly import (
    devnet_spec,
    open_engine,
    open_lake,
    open_source,
    read_chain_reference,
)
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import load_registry
from chain_assets.core.block_range import BlockRange, parse_spans
from chain_assets.core.errors import ChainAssetsError, ConfigError
from chain_assets.core.warm_up import warm_up
from chain_assets.lake.views import query
from chain_assets.layers.pipeline import LAYERS, Parts, run_blocks
from chain_assets.layers.reference import materialize_reference
from chain_assets.sources.recorded import write_recording

# The exit code of a run that was done, but for blocks that are held back.
_HELD = 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A lake of EVM blocks that heals itself.",
)
console = Console()

ChainName = Annotated[str, typer.Option("--chain", help="Name of the chain in chains.toml.")]
Blocks = Annotated[
    str, typer.Option("--blocks", help="A-B, both included; or A; or several, with commas.")
]
LakePath = Annotated[
    str | None, typer.Option("--lake", help="Folder or s3://bucket/prefix [CHAIN_ASSETS_LAKE].")
]
Recorded = Annotated[
    Path | None, typer.Option("--recorded", help="Take the blocks from this folder.")
]


@app.command()
def run(
    chain: ChainName,
    blocks: Blocks,
    recorded: Recorded = None,
    lake: LakePath = None,
    engine: Annotated[
        Literal["spark", "local"] | None, typer.Option(help="Who decodes [CHAIN_ASSETS_ENGINE].")
    ] = None,
) -> None:
    """Materialize all three layers for some blocks, and show what was done."""
    settings = load_settings()
    record = settings.chain(chain)
    spans = _spans(blocks)
    source = open_source(record, recorded=recorded)
    tables = open_lake(settings, lake)
    reference = read_chain_reference(settings, record, head=spans[-1].stop - 1)
    parts = Parts(source, tables, open_engine(settings, engine), load_registry(settings.abis))
    started = time.monotonic()
    materialize_reference(record, reference, tables=tables)
    total = sum(len(span) for span in spans)
    with report_tables.progress_bars(console, LAYERS, total) as progress:
        reports = run_blocks(record, spans, parts, progress=progress)
    console.print(report_tables.run_table(reports, seconds=time.monotonic() - started))
    unknown = report_tables.unknown_fields(reports)
    if unknown:
        console.print(unknown)
    held = report_tables.held_blocks(reports)
    if held:
        console.print(held)
        raise typer.Exit(_HELD)


@app.command()
def record(
    chain: ChainName,
    blocks: Blocks,
    to: Annotated[Path, typer.Option("--to", help="Folder to write into.")],
) -> None:
    """Fetch blocks and keep them as files that `--recorded` reads."""
    settings = load_settings()
    source = open_source(settings.chain(chain))
    spans = _spans(blocks)
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
    answer = query(open_lake(load_settings(), lake), statement)
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


def _spans(text: str) -> list[BlockRange]:
    try:
        return parse_spans(text)
    except ValueError as error:
        raise ConfigError(f"--blocks: {error}") from None


def main() -> None:
    """Entry point: an error of ours is a line on stderr and exit code 1, not a traceback."""
    try:
        app()
    except ChainAssetsError as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]", end=": ", markup=True)
        sys.stderr.write(" ".join(str(error).splitlines()) + "\n")
        sys.exit(1)
