"""The devnets that several tests look at, built once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import orjson

from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec

Json = dict[str, Any]

SPARSE = DevnetSpec(transactions_per_block=8, blocks=120, finality_depth=20)
DENSE = DevnetSpec(blocks=41)


def documents(devnet: Devnet, numbers: Iterable[int]) -> Iterator[Json]:
    """Blocks and their receipts, parsed."""
    for raw in DevnetSource(devnet).blocks(list(numbers)):
        yield orjson.loads(raw.payload)


@cache
def sparse_documents() -> list[Json]:
    """120 blocks at a low density, from the genesis on."""
    return list(documents(Devnet(SPARSE), range(SPARSE.blocks)))


@cache
def dense_documents() -> list[Json]:
    """40 blocks at mainnet's density, from block 1 on."""
    return list(documents(Devnet(DENSE), range(1, DENSE.blocks)))
