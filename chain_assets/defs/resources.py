"""The lake, the engine, the sources and a person's files as Dagster resources.

They wrap `chain_assets.assembly`, so that runs and the command line do the same. Secrets reach a
run through its process's environment: a run's config holds the names of variables only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from dagster_aws.s3 import S3Resource
from dagster_pyspark import LazyPySparkResource

from chain_assets.assembly import at_rate, open_ops_at, open_source, reference_from
from chain_assets.chains import Chain
from chain_assets.config import Settings
from chain_assets.core.abi.registry import Registry, load_registry
from chain_assets.core.enrich import ReferenceTables
from chain_assets.engine.local import LocalEngine
from chain_assets.engine.protocol import Engine
from chain_assets.engine.spark import SparkEngine, spark_config
from chain_assets.lake.storage import S3Access, Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.ops.store import OpsStore
from chain_assets.sources.protocol import BlockSource
from chain_assets.sources.rpc.source import RpcSource


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the Delta tables and blobs are, and the credentials of dagster-aws to reach them."""

    uri: str
    s3: S3Resource

    def tables(self) -> LakeTables:
        """The lake's tables."""
        access = S3Access(
            endpoint_url=self.s3.endpoint_url,
            region_name=self.s3.region_name,
            access_key_id=self.s3.aws_access_key_id,
            secret_access_key=self.s3.aws_secret_access_key,
            session_token=self.s3.aws_session_token,
        )
        return LakeTables(Storage(uri=self.uri, s3=access))


class OpsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Leases, holds and approvals. The URL may hold a password: only its variable is named here."""

    url: str | None = None

    def open(self, tables: LakeTables) -> OpsStore:
        """The ops store of the lake. Raises OpsStoreFailed."""
        return open_ops_at(self.url, tables)


class EngineResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Who decodes and enriches: Spark's executors, or this process."""

    kind: Literal["spark", "local"]
    pyspark: LazyPySparkResource

    def open(self) -> Engine:
        """The engine. Spark's session starts with the first task, and not at all without one."""
        if self.kind == "local":
            return LocalEngine()
        return SparkEngine(lambda: self.pyspark.spark_session)


class SourcesResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where blocks come from. Node URLs hold keys and stay in the environment.

    Dagster ends a tick after a minute, and then blames the code server: a node that hangs has
    `tick_seconds` for all that a tick asks it.
    """

    tick_seconds: float = 40.0

    @contextmanager
    def open(
        self, chain: Chain, ops: OpsStore | None = None, *, tick: bool = False
    ) -> Iterator[BlockSource]:
        """The chain's source, for a `tick` or for a run, at the rate of all who share `ops`;
        connections to a node are closed at the end.

        Raises ConfigError where the chain's variable is not set.
        """
        source = open_source(chain, most_seconds=self.tick_seconds if tick else inf)
        try:
            yield at_rate(source, chain, ops)
        finally:
            if isinstance(source, RpcSource):
                source.close()


class FilesResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A person's own folders of reference rows and ABIs, beside those that are shipped.

    `chains` are the names of all chains that are described: a file's row of another is a mistake.
    """

    chains: list[str]
    reference: str | None = None
    abis: str | None = None

    def registry(self) -> Registry:
        """All ABIs. Raises ReferenceFileError for a file that cannot be used."""
        return load_registry(Path(self.abis) if self.abis else None)

    def reference_rows(self, chain: Chain, *, head: int) -> ReferenceTables:
        """Labels, tokens and prices of `chain`, for a made-up chain up to block `head`.

        Raises ReferenceFileError.
        """
        folder = Path(self.reference) if self.reference else None
        return reference_from(folder, chain, head=head, known_chains=self.chains)


def build_resources(settings: Settings) -> Mapping[str, Any]:
    """The resources by the names that assets, checks and sensors ask for."""
    return {
        "lake": LakeResource(uri=absolute(settings.lake), s3=_s3(settings.s3)),
        "engine": EngineResource(
            kind=settings.engine,
            pyspark=LazyPySparkResource(spark_config=spark_config(settings.spark_master)),
        ),
        "ops": OpsResource(url=dg.EnvVar("CHAIN_ASSETS_OPS") if settings.ops else None),
        "sources": SourcesResource(),
        "files": FilesResource(
            chains=list(settings.chains),
            reference=_text(settings.reference),
            abis=_text(settings.abis),
        ),
    }


def absolute(lake: str) -> str:
    """A lake's folder as an absolute path: what Dagster starts elsewhere must find the same one."""
    return lake if "://" in lake else str(Path(lake).resolve())


def _text(folder: Path | None) -> str | None:
    return None if folder is None else str(folder.resolve())


def _s3(access: S3Access) -> S3Resource:
    secrets = {
        "aws_access_key_id": ("AWS_ACCESS_KEY_ID", access.access_key_id),
        "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY", access.secret_access_key),
        "aws_session_token": ("AWS_SESSION_TOKEN", access.session_token),
    }
    # Dagster refuses a variable that is not set, and without one boto3 looks further by itself
    # (profiles, the machine's role).
    given = {field: dg.EnvVar(name) for field, (name, value) in secrets.items() if value}
    fields: dict[str, Any] = {**given}
    return S3Resource(endpoint_url=access.endpoint_url, region_name=access.region_name, **fields)
