"""Running decoders of logs and calls side by side: each in a process of its own, and judged."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.abi_judge import calls_by_eth_abi, logs_by_eth_abi, share_right
from benchmarks.abi_peers import Decoder
from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, show
from chain_assets.core.abi.registry import Registry, standard_registry
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.block_tables import BlockTables, RawPayload

BLOCKS = 300
# Rows that the judge looks at: it takes as long for a thousand as ours for a hundred thousand.
JUDGED = 20_000


@dataclass(frozen=True)
class Contender:
    """`sample`: how many rows a slow one gets; None for all."""

    make: Callable[[pa.Table, Registry], Decoder]
    sample: int | None = None


@dataclass(frozen=True)
class Measured:
    """Median CPU seconds for `rows` rows, the most megabytes at once, and the share right."""

    seconds: float
    rows: int
    megabytes: float
    right: float


def measure(contender: Contender, file: Path) -> Measured | str:
    """Runs in a process of its own; why not, where the decoder cannot be run."""
    table = pq.read_table(file).combine_chunks()
    registry = standard_registry()
    sample = table.slice(0, contender.sample)
    try:
        judged = table.slice(0, min(sample.num_rows, JUDGED)).combine_chunks()
        on_trial = contender.make(judged, registry)
    except ImportError as error:
        return f"{error.name} is not installed"
    judge = logs_by_eth_abi if "data" in table.column_names else calls_by_eth_abi
    right = share_right(on_trial.rows(on_trial.run()), judge(judged, registry))
    decoder = contender.make(sample.combine_chunks(), registry)
    seconds = cpu_seconds(decoder.run)
    return Measured(seconds, sample.num_rows, _megabytes_more(decoder.run), right)


def _megabytes_more(run: Callable[[], object]) -> float:
    """How far the memory of this process rises above where it was, while `run` runs.

    What the runs before have left for reuse is given back first, as far as Arrow keeps it.
    """
    pa.default_memory_pool().release_unused()
    # Linux begins anew to look for the highest.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(name))
    return int(found.split()[1]) / 1024


def compare(title: str, table: pa.Table, contenders: Mapping[str, Contender], *, base: str) -> None:
    """Measure all of `contenders` on `table`, and print them beside `base`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        pq.write_table(table, file)
        results = {}
        for name, contender in contenders.items():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                results[name] = pool.apply(measure, (contender, file))
    reference = results[base]
    speed = None if isinstance(reference, str) else reference.rows / reference.seconds
    rows = [_shown(name, result, speed) for name, result in results.items()]
    header = ("decoder", "rows/s", f"x {base}", "ns/row", "MB", "right", "right rows/s")
    show(f"{title}: {table.num_rows:,} rows, one core", header, rows)


def _shown(name: str, result: Measured | str, base: float | None) -> Sequence[str]:
    if isinstance(result, str):
        return (name, result, "", "", "", "", "")
    speed = result.rows / result.seconds
    return (
        name,
        f"{speed:,.0f}",
        "" if base is None else f"{speed / base:.2f}",
        f"{1e9 / speed:,.0f}",
        f"{result.megabytes:.0f}",
        f"{100 * result.right:.2f} %",
        f"{speed * result.right:,.0f}",
    )


def made_tables() -> BlockTables:
    """Blocks of the devnet at mainnet's density."""
    return decode_blocks(mainnet_blocks(BLOCKS), chain="bench")


def real_tables() -> BlockTables | None:
    """The blocks in the folder that CHAIN_ASSETS_REAL_BLOCKS names; None where it names none."""
    folder = os.environ.get("CHAIN_ASSETS_REAL_BLOCKS")
    if not folder:
        return None
    payloads = []
    for path in sorted(Path(folder).glob("*/blocks/*.json.gz")):
        content = gzip.decompress(path.read_bytes())
        block = json.loads(content)["block"]
        number, digest = int(block["number"], 16), bytes.fromhex(block["hash"][2:])
        payloads.append(RawPayload(number, digest, content))
    return decode_blocks(payloads, chain="bench")
