"""What tests of lake, layers and command line share: small chains, lakes, disks, an S3 server.

pipeline = Pipeline.on_devnet(tmp_path)     a made-up chain of ranges of 10 blocks, and a lake
pipeline.run(0, 24)                         all three layers
contents(pipeline.tables)                   every row of every table, in order
live_files(pipeline.tables)                 the Parquet files that the tables now consist of
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.assembly import devnet_spec, open_engine, read_chain_reference
from chain_assets.chains import Chain, DevnetShape
from chain_assets.config import load_settings
from chain_assets.core.abi.registry import Registry, load_registry
from chain_assets.core.block_range import BlockRange, Delimiter
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.schemas import JOURNAL_TABLES, RAW_BLOCKS, TABLES
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.lake.storage import S3Access, Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Parts, Writer, run_blocks, write_reference
from chain_assets.layers.report import LayerReport, no_progress
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.store import OpsStore, open_store
from chain_assets.sources.devnet import Devnet, DevnetSource
from chain_assets_tests.tools import missing_tool

# When and by whom a block was fetched is no part of what it says.
_PROVENANCE = {"raw_blocks": ("fetched_at", "source"), "block_proofs": ("verified_at",)}
_ACCESS_KEY, _SECRET_KEY = "AKIATESTKEY", "a-secret-of-the-tests"


def small_chain(*, blocks: int = 25, finality: int = 10, seed: int = 7) -> Chain:
    """A devnet of 3 transactions a block, whose ranges hold 10 blocks."""
    return replace(
        load_settings({}).chain("devnet"),
        ranges=(Delimiter(0, 10),),
        finality=finality,
        devnet=DevnetShape(seed=seed, blocks=blocks, transactions_per_block=3),
    )


@cache
def registry() -> Registry:
    """The ABIs that are shipped."""
    return load_registry(None)


@cache
def spark_engine() -> Engine:
    """One Spark session for all tests of this process: it takes seconds to start."""
    return open_engine(load_settings({"CHAIN_ASSETS_SPARK_MASTER": "local[2]"}), "spark")


@cache
def ops_store(lake: str) -> OpsStore:
    """The ops store beside a lake: one for all pipelines into it, as in one process."""
    folder = Path(lake) if "://" not in lake else Path(mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    return open_store(sqlite_url(folder / "ops.db"))


@dataclass(frozen=True)
class Pipeline:
    """A chain under control, and the lake that it is read into."""

    chain: Chain
    net: Devnet
    tables: LakeTables
    engine: Engine

    @classmethod
    def on_devnet(
        cls, lake: Path | Storage, *, chain: Chain | None = None, engine: Engine | None = None
    ) -> Pipeline:
        """A new devnet and the lake at `lake`."""
        chain = chain or small_chain()
        storage = Storage(str(lake)) if isinstance(lake, Path) else lake
        net = Devnet(devnet_spec(chain))
        return cls(chain, net, LakeTables(storage), engine or LocalEngine(2))

    def into(self, lake: Path | Storage, *, engine: Engine | None = None) -> Pipeline:
        """The same chain, into another lake."""
        storage = Storage(str(lake)) if isinstance(lake, Path) else lake
        return replace(self, tables=LakeTables(storage), engine=engine or self.engine)

    def parts(self, *, refreshes: bool = False) -> Parts:
        """What the layers work with."""
        writer = self.writer(refreshes=refreshes)
        return Parts(DevnetSource(self.net), writer, self.engine, registry())

    def writer(self, *, patient: bool = False, refreshes: bool = False) -> Writer:
        """Who writes: this process."""
        return Writer(self.tables, self.ops, "test", patient=patient, refreshes=refreshes)

    @property
    def ops(self) -> OpsStore:
        """The ops store of the lake."""
        return ops_store(self.tables.storage.uri)

    def reference(self) -> ReferenceTables:
        """Labels, tokens and prices of the devnet."""
        return read_chain_reference(load_settings({}), self.chain, head=self.net.head)

    def run(
        self, first: int, last: int, *, reference: bool = True, refreshes: bool = False
    ) -> list[LayerReport]:
        """All three layers for blocks `first` to `last`, both included."""
        if reference:
            write_reference(self.chain, self.reference(), self.writer())
        span = BlockRange(first, last + 1)
        parts = self.parts(refreshes=refreshes)
        return run_blocks(self.chain, [span], parts, progress=lambda layer: no_progress)


def read_all(tables: LakeTables, name: str) -> pa.Table:
    """All rows and all columns of the table `name`, partition columns too."""
    table = TABLES[name]
    return tables.read(table, columns=table.schema.names)


def contents(tables: LakeTables, *, canonical_only: bool = False) -> dict[str, pa.Table]:
    """All rows of all tables but the journal, sorted by their keys, without the columns of
    provenance: what the lake says, not how it came to say it."""
    found = {}
    for name, table in TABLES.items():
        if table in JOURNAL_TABLES:
            continue
        rows = read_all(tables, name)
        if canonical_only and table is RAW_BLOCKS:
            rows = rows.filter(rows["canonical"])
        order = [(column.name, "ascending") for column in table.partition_columns]
        rows = rows.sort_by([*order, *((column, "ascending") for column in table.key)])
        found[name] = rows.drop_columns(list(_PROVENANCE.get(name, ()))).combine_chunks()
    return found


def assert_same(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> None:
    """Row by row, table by table; the first difference is named."""
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert rows.num_rows == other[name].num_rows, name
        for column in rows.column_names:
            assert rows[column].equals(other[name][column]), f"{name}.{column}"


def assert_no_duplicates(tables: LakeTables) -> None:
    """No two rows of a table have one key."""
    for name, rows in contents(tables).items():
        key = [column.name for column in TABLES[name].partition_columns] + list(TABLES[name].key)
        groups = rows.group_by(key).aggregate([([], "count_all")])
        assert pc.max(groups["count_all"]).as_py() in (None, 1), name


def assert_as_clean(pipeline: Pipeline, clean_lake: Path, *, first: int = 0, last: int) -> None:
    """The tables are those of a lake that blocks `first` to `last` were just read into."""
    clean = pipeline.into(clean_lake)
    clean.run(first, last)
    assert_same(contents(pipeline.tables, canonical_only=True), contents(clean.tables))
    assert_no_duplicates(pipeline.tables)


def live_files(tables: LakeTables) -> dict[str, set[str]]:
    """The paths of the live files of each table."""
    return {
        name: {str(file["path"]) for file in tables.live_files(table)}
        for name, table in TABLES.items()
    }


@contextmanager
def small_disk(folder: Path, *, kib: int) -> Iterator[Path]:
    """A file system of `kib` KiB at `folder` (a tmpfs). Skips the test without the right to."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        missing_tool("the right to mount a small tmpfs", "run the tests as root on Linux")
    try:
        yield folder
    finally:
        # Lazily: a process that is still ending may have a file open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_disk(folder: Path, *, leave_kib: int = 0) -> Path:
    """Write a file that leaves `leave_kib` KiB free; removing it frees the rest again."""
    ballast = folder / "ballast"
    free = shutil.disk_usage(folder).free - leave_kib * 1024
    ballast.write_bytes(bytes(free))
    return ballast


@contextmanager
def s3_lake() -> Iterator[Storage]:
    """An empty lake in a bucket of a real HTTP server that speaks S3 (moto's)."""
    import boto3
    from moto.server import ThreadedMotoServer

    # Every request is a line on stderr otherwise.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        access = S3Access(
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            access_key_id=_ACCESS_KEY,
            secret_access_key=_SECRET_KEY,
        )
        # moto keeps its buckets for the life of the process, whichever server made them.
        bucket = f"lake-{uuid4().hex[:12]}"
        client = boto3.client(
            "s3",
            endpoint_url=access.endpoint_url,
            region_name=access.region_name,
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=_SECRET_KEY,
        )
        client.create_bucket(Bucket=bucket)
        yield Storage(f"s3://{bucket}/a/prefix", s3=access)
    finally:
        server.stop()


def secrets_of_s3() -> tuple[str, ...]:
    """What must not be in any error, repr or log."""
    return _ACCESS_KEY, _SECRET_KEY
