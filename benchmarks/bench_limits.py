"""What the same bytes cost at the least, on one core: `python -m benchmarks.bench_limits`.

A copy of the memory, the compression of blobs, the digest that is checked, and parsers that only
look for where values are. Whoever decodes blocks pays the first three and does not parse faster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import orjson

from benchmarks.made_blocks import mainnet_blocks
from benchmarks.measure import cpu_seconds, show
from chain_assets.lake.blobs import compress, decompress

BLOCKS = 100


def limits(payloads: Sequence[bytes]) -> dict[str, Callable[[], object]]:
    """What to measure, by name."""
    blobs = [compress(payload) for payload in payloads]
    sources = [np.frombuffer(payload, np.uint8) for payload in payloads]
    target = np.empty(max(map(len, payloads)), np.uint8)

    def copy() -> None:
        for source in sources:
            target[: len(source)] = source

    return {
        "copy the JSON": copy,
        "zstd, decompress the blobs": lambda: [decompress(blob) for blob in blobs],
        "zstd, compress them": lambda: [compress(payload) for payload in payloads],
        "SHA-256 of the blobs": lambda: [hashlib.sha256(blob).digest() for blob in blobs],
        "orjson, to Python objects": lambda: [orjson.loads(payload) for payload in payloads],
        **_simdjson(payloads),
    }


def _simdjson(payloads: Sequence[bytes]) -> dict[str, Callable[[], object]]:
    try:
        import simdjson
    except ImportError:
        return {}

    def parse() -> None:
        # A parser is used for one document after the other; its objects must be gone by then.
        parser = simdjson.Parser()
        for payload in payloads:
            parser.parse(payload)

    return {"simdjson, to its own tape": parse}


def main() -> None:
    """Make the blocks, measure, print."""
    payloads = [raw.payload for raw in mainnet_blocks(BLOCKS)]
    size = sum(map(len, payloads))
    rows = []
    for name, run in limits(payloads).items():
        seconds = cpu_seconds(run)
        rows.append((name, f"{1000 * seconds / BLOCKS:.3f}", f"{size / 1e6 / seconds:,.0f}"))
    title = f"Limits, {BLOCKS} blocks of {size / BLOCKS / 1e3:.0f} kB, one core"
    show(title, ("", "CPU ms a block", "MB of JSON/s"), rows)


if __name__ == "__main__":
    main()
