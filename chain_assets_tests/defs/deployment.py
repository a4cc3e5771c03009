"""A deployment on disk for tests that start Dagster's own processes.

    <folder>/home     DAGSTER_HOME, with the repository's dagster.yaml
    <folder>/lake     the lake                     chains.toml    one chain, `ui-net`

The chain's node is a devnet that the test holds, behind JSON-RPC.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from chain_assets.assembly import open_lake
from chain_assets.chains import Chain
from chain_assets.config import load_settings
from chain_assets.core.block_range import ranges_between
from chain_assets.core.schemas import TABLES, Table
from chain_assets.defs.names import partitions_name
from chain_assets.sources.devnet import Devnet, DevnetSpec, serve
from chain_assets_tests.defs.server import ROOT

NAME = "ui-net"
CHAINS = """
[chains.ui-net]
chain_id = 1337
native_symbol = "DEV"
source = "rpc"
rpc_url_env = ["UI_NET_RPC_URL"]
ranges = [{ from = 0, size = 10 }]
block_time_seconds = 12.0
finality = 8
max_reorg_depth = 8
proof_rules = "ethereum"
freshness = { warn = 600, fail = 1200 }
"""


@dataclass(frozen=True)
class Deployment:
    """`environment` is what Dagster's processes are started with."""

    home: Path
    devnet: Devnet
    environment: Mapping[str, str]

    @property
    def chain(self) -> Chain:
        """The chain's record."""
        return load_settings(self.environment).chain(NAME)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's history, as its own processes write it."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def open_ranges(self) -> list[str]:
        """Open all ranges up to the head; returns their keys."""
        keys = [r.key for r in ranges_between(0, self.devnet.head, self.chain.ranges)]
        with self.instance() as instance:
            instance.add_dynamic_partitions(partitions_name(self.chain), keys)
        return keys

    def numbers(self, table: Table) -> list[int]:
        """The block numbers of the table's rows, ascending."""
        tables = open_lake(load_settings(self.environment))
        rows = tables.read(table, columns=[table.number_column], chain=NAME)
        return sorted(rows[table.number_column].to_pylist())

    def versions(self) -> dict[str, int]:
        """The Delta version of each table that is there."""
        tables = open_lake(load_settings(self.environment))
        opened = {name: tables.open(table) for name, table in TABLES.items()}
        return {name: delta.version() for name, delta in opened.items() if delta is not None}


@contextmanager
def deployment(folder: Path, *, blocks: int = 48) -> Iterator[Deployment]:
    """A deployment whose chain has `blocks` blocks, five ranges of ten."""
    home = folder / "home"
    home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    (folder / "chains.toml").write_text(CHAINS)
    devnet = Devnet(
        DevnetSpec(seed=5, chain=NAME, transactions_per_block=3, blocks=blocks, finality_depth=8)
    )
    with serve(devnet) as url:
        environment = {
            "CHAIN_ASSETS_CHAINS": str(folder / "chains.toml"),
            "CHAIN_ASSETS_ENABLED": NAME,
            "CHAIN_ASSETS_LAKE": str(folder / "lake"),
            "CHAIN_ASSETS_ENGINE": "local",
            "UI_NET_RPC_URL": url,
            # Dagster looks at freshness every 30 seconds; the test need not wait for that.
            "FRESHNESS_DAEMON_INTERVAL_SECONDS": "3",
        }
        yield Deployment(home, devnet, environment)
