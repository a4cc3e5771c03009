"""Every real block through `chain-assets run`, on both engines: the Delta tables agree with the
slow route, and running it again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from chain_assets.cli import app
from chain_assets.config import load_settings
from chain_assets.core.block_range import range_of
from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES, TABLES
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.slow_route.enriched_rows import Reference
from chain_assets_tests.slow_route.real_blocks import RealBlock, chains_of, read_chain
from chain_assets_tests.slow_route.sample_reference import sample_reference
from chain_assets_tests.slow_route.tables import (
    assert_enriched_tables_agree,
    assert_tables_agree,
)

# A person's own settings must not reach the runs; None takes a variable away.
_UNSET = ("CHAINS", "ENABLED", "LAKE", "ABIS", "ENGINE", "SPARK_MASTER", "REFERENCE")


@dataclass(frozen=True)
class Lake:
    """A lake that holds every real block of every chain."""

    folder: Path
    reference: Path
    recorded: Path
    engine: str
    chains: dict[str, tuple[RealBlock, ...]]

    def run(self, chain: str) -> None:
        """`chain-assets run` for all recorded blocks of the chain."""
        environ: dict[str, str | None] = {f"CHAIN_ASSETS_{name}": None for name in _UNSET}
        environ["CHAIN_ASSETS_REFERENCE"] = str(self.reference)
        # Blocks that have no price are to be compared too: they must not wait for one.
        chains = self.reference.with_suffix(".toml")
        chains.write_text(f"[chains.{chain}]\nrequires = []\n", "utf-8")
        environ["CHAIN_ASSETS_CHAINS"] = str(chains)
        blocks = ",".join(str(block.number) for block in self.chains[chain])
        arguments = ["run", "--chain", chain, "--blocks", blocks, "--engine", self.engine]
        places = ["--recorded", str(self.recorded), "--lake", str(self.folder)]
        result = CliRunner().invoke(app, [*arguments, *places], env=environ)
        assert result.exit_code == 0, f"{chain}: {result.exception!r}\n{result.output}"

    def tables(self) -> LakeTables:
        """The lake, opened anew."""
        return LakeTables(Storage(uri=str(self.folder)))

    def state(self) -> dict[str, tuple[Any, Any]]:
        """Of each table: its version and its live files."""
        tables = self.tables()
        opened = {name: tables.open(table) for name, table in TABLES.items()}
        return {
            name: (delta.version(), sorted(delta.file_uris()))
            for name, delta in opened.items()
            if delta is not None
        }


@pytest.fixture(scope="module", params=["local", "spark"])
def lake(
    request: pytest.FixtureRequest, real_blocks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    chains = {chain: read_chain(real_blocks, chain) for chain in chains_of(real_blocks)}
    reference = tmp_path_factory.mktemp("reference")
    write_reference(reference, chains)
    folder = tmp_path_factory.mktemp(f"lake-{request.param}")
    lake = Lake(folder, reference, real_blocks, request.param, chains)
    for chain in chains:
        lake.run(chain)
    return lake


def write_reference(folder: Path, chains: dict[str, tuple[RealBlock, ...]]) -> None:
    """The sample reference rows of all chains as a person's Parquet files."""
    parts: dict[str, list[pa.Table]] = {}
    for chain, blocks in chains.items():
        _, tables = sample_reference(blocks)
        for table, rows in tables.named():
            names = pa.array([chain] * rows.num_rows, pa.string())
            parts.setdefault(table.name, []).append(rows.add_column(0, "chain", names))
    for name, tables_of_chains in parts.items():
        pq.write_table(pa.concat_tables(tables_of_chains), folder / f"{name}.parquet")


def test_every_decoded_table_agrees_with_the_slow_route(lake: Lake) -> None:
    tables = lake.tables()
    for chain, blocks in lake.chains.items():
        rows = {table.name: tables.read(table, chain=chain) for table in DECODED_TABLES}
        assert_tables_agree(chain, blocks, rows.__getitem__)


def test_every_enriched_table_agrees_with_the_slow_route(lake: Lake) -> None:
    tables, settings = lake.tables(), load_settings({})
    for chain, blocks in lake.chains.items():
        rows = {table.name: tables.read(table, chain=chain) for table in ENRICHED_TABLES}
        reference = stored_reference(tables, chain, settings.chain(chain).native_decimals)
        assert reference.prices
        assert_enriched_tables_agree(chain, blocks, rows.__getitem__, reference=reference)


def stored_reference(tables: LakeTables, chain: str, native_decimals: int) -> Reference:
    """The reference rows as the lake says that it used them."""
    names = ("entity_labels", "token_metadata", "token_prices")
    labels, tokens, prices = (tables.read(TABLES[name], chain=chain).to_pylist() for name in names)
    age = load_settings({}).chain(chain).max_price_age
    return Reference(labels, tokens, prices, native_decimals, age)


def test_every_row_is_in_the_partition_of_its_block(lake: Lake) -> None:
    tables, settings = lake.tables(), load_settings({})
    for name in ("raw_blocks", "decoded_blocks", "decoded_logs", "enriched_transactions"):
        table = TABLES[name]
        columns = ["chain", "block_range", table.number_column]
        for row in tables.read(table, columns=columns).to_pylist():
            chain = settings.chain(row["chain"])
            assert row["block_range"] == range_of(row[table.number_column], chain.ranges).key


def test_running_everything_again_changes_no_row_and_no_live_file(lake: Lake) -> None:
    before = lake.state()
    written = [(table.layer, before[name][1]) for name, table in TABLES.items() if name in before]
    assert all(files for _, files in written)
    for chain in lake.chains:
        lake.run(chain)
    assert lake.state() == before
