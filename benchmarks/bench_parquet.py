"""What writing Parquet costs, by codec and dictionary: `python -m benchmarks.bench_parquet`.

For each decoded table: CPU time and bytes a block, beside zstd 1 without any dictionary. With the
folder of real blocks in CHAIN_ASSETS_REAL_BLOCKS, all tables of these too: in made blocks some
values repeat that never do in real ones (the halves of signatures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.abi_run import real_tables
from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, show
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.block_tables import BlockTables
from chain_assets.core.decode import decode_tables
from chain_assets.core.schemas import TABLES
from chain_assets.lake.data_files import write_options

BLOCKS = 300
OURS = "ours"
VARIANTS: dict[str, dict[str, object]] = {
    "zstd 1": {"compression": "zstd", "compression_level": 1, "use_dictionary": False},
    "zstd 1, dictionary": {"compression": "zstd", "compression_level": 1, "use_dictionary": True},
    "zstd 3": {"compression": "zstd", "compression_level": 3, "use_dictionary": False},
    "zstd 3, dictionary": {"compression": "zstd", "compression_level": 3, "use_dictionary": True},
    "snappy, dictionary": {"compression": "snappy", "use_dictionary": True},
}


def measure(name: str, data: Mapping[str, pa.Table], blocks: int) -> Sequence[Sequence[object]]:
    """Rows of the table to show for some decoded tables, by name."""
    results = {}
    for label in (*VARIANTS, OURS):

        def write(label: str = label) -> int:
            return sum(_write(table, label, rows) for table, rows in data.items())

        results[label] = (cpu_seconds(write), write())
    base_seconds, base_size = results["zstd 1"]
    return [
        (
            name if index == 0 else "",
            label,
            f"{1000 * seconds / blocks:.3f}",
            f"{seconds / base_seconds:.2f}",
            f"{size / blocks / 1000:.1f}",
            f"{size / base_size:.2f}",
        )
        for index, (label, (seconds, size)) in enumerate(results.items())
    ]


def _write(table: str, label: str, rows: pa.Table) -> int:
    options = write_options(TABLES[table], rows=len(rows)) if label == OURS else VARIANTS[label]
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, **options)
    return int(sink.tell())


def tables_of(decoded: BlockTables) -> dict[str, pa.Table]:
    """All decoded tables, with digests that do not repeat, as those of blobs."""
    digests = [sha256(digest).digest() for digest in decoded.blocks["hash"].to_pylist()]
    return decode_tables(decoded, registry=standard_registry(), version="", raw_sha256=digests)


def main() -> None:
    """Make the blocks, measure, print."""
    tables = tables_of(decode_blocks(mainnet_blocks(BLOCKS), chain="devnet"))
    rows = [row for name, data in tables.items() for row in measure(name, {name: data}, BLOCKS)]
    rows += measure("all", tables, BLOCKS)
    header = ("table", "options", "ms a block", "ratio", "kB a block", "ratio")
    show(f"Parquet, {BLOCKS} made blocks", header, rows)
    real = real_tables()
    if real is not None:
        blocks = real.blocks.num_rows
        show(f"Parquet, {blocks} real blocks", header, measure("all", tables_of(real), blocks))


if __name__ == "__main__":
    main()
