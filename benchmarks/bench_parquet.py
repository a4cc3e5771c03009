"""What writing Parquet costs, by codec and dictionary: `python benchmarks/bench_parquet.py`.

For each decoded table: CPU time and bytes a block, beside zstd 1 without any dictionary.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, show
from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.decode import decode_tables
from chain_assets.core.schemas import TABLES
from chain_assets.lake.data_files import write_options

BLOCKS = 300
VARIANTS: dict[str, dict[str, object]] = {
    "zstd 1": {"compression": "zstd", "compression_level": 1, "use_dictionary": False},
    "zstd 1, dictionary": {"compression": "zstd", "compression_level": 1, "use_dictionary": True},
    "zstd 3": {"compression": "zstd", "compression_level": 3, "use_dictionary": False},
    "zstd 3, dictionary": {"compression": "zstd", "compression_level": 3, "use_dictionary": True},
    "snappy, dictionary": {"compression": "snappy", "use_dictionary": True},
}


def measure(name: str, data: pa.Table) -> Sequence[Sequence[object]]:
    """Rows of the table to show for one decoded table."""
    variants = {**VARIANTS, "ours": write_options(TABLES[name])}
    results = {}
    for label, options in variants.items():

        def write(options: dict[str, object] = options) -> int:
            sink = pa.BufferOutputStream()
            pq.write_table(data, sink, **options)
            return int(sink.getvalue().size)

        results[label] = (cpu_seconds(write), write())
    base_seconds, base_size = results["zstd 1"]
    return [
        (
            name if index == 0 else "",
            label,
            f"{1000 * seconds / BLOCKS:.3f}",
            f"{seconds / base_seconds:.2f}",
            f"{size / BLOCKS / 1000:.1f}",
            f"{size / base_size:.2f}",
        )
        for index, (label, (seconds, size)) in enumerate(results.items())
    ]


def main() -> None:
    """Make the blocks, measure, print."""
    decoded = decode_blocks(mainnet_blocks(BLOCKS), chain="devnet")
    tables = decode_tables(
        decoded, registry=standard_registry(), version="", raw_sha256=[b""] * BLOCKS
    )
    rows = [row for name, data in tables.items() for row in measure(name, data)]
    header = ("table", "options", "ms a block", "ratio", "kB a block", "ratio")
    show(f"Parquet, {BLOCKS} blocks", header, rows)


if __name__ == "__main__":
    main()
