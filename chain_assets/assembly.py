"""Puts the parts together as the settings say: lake, engine, sources, reference rows.

Used by Dagster's resources and by the command line alike, so that both do the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from chain_assets.chains import Chain, DevnetShape
from chain_assets.config import Settings, recorded_folder, rpc_urls
from chain_assets.core.enrich import ReferenceTables
from chain_assets.core.errors import ConfigError
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.engine.spark import SparkEngine, spark_config
from chain_assets.lake.reference_files import read_reference, reference_from_rows
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Writer
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.rates import SharedRate
from chain_assets.ops.store import OpsStore, open_store
from chain_assets.sources.budget import Budget, BudgetedSource, OwnRate
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
from chain_assets.sources.devnet.reference import devnet_labels, devnet_prices, devnet_tokens
from chain_assets.sources.protocol import BlockSource
from chain_assets.sources.recorded import RecordedSource
from chain_assets.sources.rpc.endpoint import parse_endpoint
from chain_assets.sources.rpc.source import RpcSource

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def open_lake(settings: Settings, lake: str | None = None) -> LakeTables:
    """The lake at `lake`, or where the settings say."""
    return LakeTables(Storage(uri=lake or settings.lake, s3=settings.s3))


def open_ops(
    settings: Settings, lake: LakeTables, *, clock: Callable[[], float] = time.time
) -> OpsStore:
    """The ops store of the settings; where they name none, a SQLite file of the lake's own.

    Raises ConfigError, OpsStoreFailed.
    """
    return open_ops_at(settings.ops, lake, clock=clock)


def open_ops_at(
    url: str | None, lake: LakeTables, *, clock: Callable[[], float] = time.time
) -> OpsStore:
    """The ops store at `url`; None: the SQLite file of the lake's own. Raises as `open_ops`."""
    return open_store(url or sqlite_url(default_ops_file(lake.storage)), clock=clock)


def default_ops_file(storage: Storage) -> Path:
    """`ops.db` in the lake's folder; a bucket's is in the working folder, under the bucket's name.

    So each lake has its own. Writers of a bucket on several machines need a common PostgreSQL:
    a file of this machine tells the others nothing.
    """
    if storage.is_s3:
        return Path(".chain_assets") / storage.uri.removeprefix("s3://").strip("/") / "ops.db"
    return Path(storage.uri) / "ops.db"


def open_writer(settings: Settings, lake: LakeTables, *, providers: tuple[str, ...] = ()) -> Writer:
    """Who writes to `lake`: this process, with blocks of `providers`, under a name of its own.

    Raises ConfigError, OpsStoreFailed.
    """
    run_id = f"command-{uuid4().hex[:12]}"
    return Writer(lake, open_ops(settings, lake), run_id, providers=providers)


def open_engine(settings: Settings, name: str | None = None) -> Engine:
    """The engine `name`, or that of the settings. Nothing starts before the first task."""
    if (name or settings.engine) == "local":
        return LocalEngine()
    return SparkEngine(lambda: spark_session(settings))


def spark_session(settings: Settings) -> SparkSession:
    """The session that dagster-pyspark's resource makes of our Spark settings.

    Raises ConfigError where Spark does not start.
    """
    from dagster_pyspark import LazyPySparkResource
    from pyspark.errors import PySparkException

    resource = LazyPySparkResource(spark_config=spark_config(settings.spark_master))
    try:
        session: SparkSession = resource.spark_session
    except PySparkException as error:
        raise ConfigError(
            f"Spark does not start: {str(error).rstrip('.')}",
            todo="Install Java 17 or newer (JAVA_HOME says where it is), or use the engine local",
        ) from error
    return session


def open_source(
    chain: Chain,
    *,
    recorded: Path | None = None,
    most_seconds: float = inf,
    clock: Callable[[], float] = time.time,
) -> BlockSource:
    """Where the blocks of `chain` come from; a folder `recorded` stands in for it. A node has
    `most_seconds` for all of its answers.

    Raises ConfigError where a variable that the chain names is not set.
    """
    if recorded is not None:
        return RecordedSource(chain.name, recorded)
    if chain.source == "recorded":
        return RecordedSource(chain.name, recorded_folder(chain))
    if chain.source == "rpc":
        return RpcSource(
            chain.name,
            chain.chain_id,
            rpc_urls(chain),
            finality_depth=chain.finality,
            most_seconds=most_seconds,
        )
    spec = devnet_spec(chain)
    live = chain.devnet is not None and chain.devnet.genesis is not None
    return DevnetSource(Devnet(spec, clock=clock if live else None))


def provider_names(chain: Chain, *, recorded: Path | None = None) -> tuple[str, ...]:
    """The nodes that are asked for the chain's blocks, by names without secrets; none where no URL
    is set, or other sources are."""
    if chain.source != "rpc" or recorded is not None:
        return ()
    with suppress(ConfigError):
        urls = enumerate(rpc_urls(chain))
        return tuple(parse_endpoint(url, index, chain=chain.name).name for index, url in urls)
    return ()


def at_rate(source: BlockSource, chain: Chain, ops: OpsStore | None) -> BlockSource:
    """`source`; where it is a node, asked no more often than the chain's record allows: by all
    processes that share `ops` together, or without it by this one."""
    most = chain.requests_per_second
    if most is None or not isinstance(source, RpcSource):
        return source
    rate = OwnRate(most) if ops is None else SharedRate(ops.rates, chain.name, most)
    return BudgetedSource(source, Budget(rate=rate), chain.name)


def devnet_spec(chain: Chain) -> DevnetSpec:
    """What a made-up chain is made from."""
    shape = chain.devnet or DevnetShape()
    timing = {} if shape.genesis is None else {"genesis_timestamp": int(shape.genesis.timestamp())}
    return DevnetSpec(
        seed=shape.seed,
        chain=chain.name,
        chain_id=chain.chain_id,
        transactions_per_block=shape.transactions_per_block,
        blocks=shape.blocks,
        block_time_seconds=max(1, round(chain.block_time_seconds)),
        finality_depth=chain.finality or 0,
        **timing,
    )


def read_chain_reference(settings: Settings, chain: Chain, *, head: int) -> ReferenceTables:
    """Labels, tokens and prices of `chain`, as the settings say: see `reference_from`."""
    return reference_from(settings.reference, chain, head=head, known_chains=settings.chains)


def reference_from(
    folder: Path | None, chain: Chain, *, head: int, known_chains: Collection[str]
) -> ReferenceTables:
    """Labels, tokens and prices of `chain`: shipped, made up (devnet), and from a person's files
    in `folder`, in which a chain that is not among the `known_chains` is a mistake.

    `head` is up to which block a made-up chain's prices are wanted, at least: a run over early
    blocks must not take away the prices that later blocks were enriched with. Raises
    ReferenceFileError.
    """
    extra = None
    if chain.source == "devnet":
        spec = devnet_spec(chain)
        last = max(head, spec.first_block + spec.blocks - 1)
        extra = reference_from_rows(
            devnet_labels(spec),
            devnet_tokens(spec),
            devnet_prices(spec, spec.timestamp(spec.first_block), spec.timestamp(last)),
            chain=chain.name,
            origin="devnet",
        )
    return read_reference(folder, chain=chain.name, extra=extra, known_chains=known_chains)
