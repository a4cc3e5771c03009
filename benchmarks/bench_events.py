"""Logs to events, ours beside other decoders: `python -m benchmarks.bench_events`.

All get the standard signatures; peers that take one at a time get only those that occur. Ratios
are to cherry-core, with the filters that it needs to find each signature's logs.
"""

from __future__ import annotations

from functools import partial

from benchmarks import abi_peers
from benchmarks.abi_run import Contender, compare, made_tables, real_tables

CHERRY = "cherry-core"
CONTENDERS = {
    "ours, columns": Contender(partial(abi_peers.ours_columns, route="compiled")),
    "ours, JSON": Contender(partial(abi_peers.ours_json, route="compiled")),
    "ours without numba, columns": Contender(partial(abi_peers.ours_columns, route="plain")),
    "ours without numba, JSON": Contender(partial(abi_peers.ours_json, route="plain")),
    CHERRY: Contender(abi_peers.cherry_events),
    "eth-abi": Contender(abi_peers.eth_abi_rows, sample=20_000),
    "web3 process_log": Contender(abi_peers.web3_events, sample=1_000),
}


def main() -> None:
    """Make the blocks, measure, print."""
    compare("Events of made blocks", made_tables().logs, CONTENDERS, base=CHERRY)
    real = real_tables()
    if real is not None:
        compare("Events of real blocks", real.logs, CONTENDERS, base=CHERRY)


if __name__ == "__main__":
    main()
