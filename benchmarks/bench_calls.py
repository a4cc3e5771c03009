"""Inputs to calls, ours beside other decoders: `python -m benchmarks.bench_calls`.

All get the standard signatures; peers that take one at a time get only those that occur.
"""

from __future__ import annotations

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import abi_peers
from benchmarks.abi_run import Contender, compare, made_tables, real_tables
from chain_assets.core.block_tables import BlockTables

CHERRY = "cherry-core"
CONTENDERS = {
    "ours, columns": Contender(partial(abi_peers.ours_columns, route="compiled")),
    "ours, JSON": Contender(partial(abi_peers.ours_json, route="compiled")),
    "ours without numba, columns": Contender(partial(abi_peers.ours_columns, route="plain")),
    "ours without numba, JSON": Contender(partial(abi_peers.ours_json, route="plain")),
    CHERRY: Contender(abi_peers.cherry_calls),
    "hypersync CallDecoder": Contender(abi_peers.hypersync_calls),
    "eth-abi": Contender(abi_peers.eth_abi_rows, sample=20_000),
}


def with_input(tables: BlockTables) -> pa.Table:
    """The transactions that may be calls."""
    transactions = tables.transactions.select(["input", "to_address"])
    return transactions.filter(pc.greater(pc.binary_length(transactions["input"]), 0))


def main() -> None:
    """Make the blocks, measure, print."""
    compare("Calls of made blocks", with_input(made_tables()), CONTENDERS, base=CHERRY)
    real = real_tables()
    if real is not None:
        compare("Calls of real blocks", with_input(real), CONTENDERS, base=CHERRY)


if __name__ == "__main__":
    main()
