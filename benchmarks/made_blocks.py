"""Blocks for the benchmarks: made by the devnet at mainnet density, once, and kept in a cache.

Real blocks are not in the repository; these have about as many transactions, logs and bytes.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

from chain_assets.core.block_json import RawPayload
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec

_CACHE = Path(tempfile.gettempdir()) / "chain_assets_benchmarks"


def mainnet_blocks(count: int, *, transactions_per_block: int = 200) -> list[RawPayload]:
    """`count` blocks that follow each other, as the sources give them (uncompressed JSON)."""
    path = _CACHE / f"{transactions_per_block}-{count}.pickle"
    if path.exists():
        payloads: list[RawPayload] = pickle.loads(path.read_bytes())
        return payloads
    spec = DevnetSpec(transactions_per_block=transactions_per_block, blocks=count + 1)
    source = DevnetSource(Devnet(spec))
    payloads = [
        RawPayload(block.header.number, block.header.hash, block.payload)
        for block in source.blocks(range(1, count + 1))
    ]
    _CACHE.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(payloads))
    return payloads
