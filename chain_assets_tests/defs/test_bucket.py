"""A lake in a bucket: credentials come from the environment, through dagster-aws's resource."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from chain_assets.core.schemas.enriched import BLOCKS
from chain_assets.lake.storage import S3Access
from chain_assets_tests.defs.lab import CHAIN, lab_settings, open_lab

BUCKET, REGION = "lake-bucket", "eu-central-1"
KEY, SECRET = "test-key-id", "test-secret-key"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server with an empty bucket; its credentials stand in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name=REGION).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield url
    finally:
        server.stop()


def test_a_run_writes_a_lake_in_a_bucket_and_a_repeat_changes_nothing(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = S3Access(endpoint, REGION, KEY, SECRET)
    settings = replace(
        lab_settings(CHAIN, tmp_path, "local"), lake=f"s3://{BUCKET}/deep/lake", s3=access
    )
    with open_lab(tmp_path, monkeypatch, settings=settings) as lab:
        key = lab.open_ranges()[0]
        assert lab.run_tagged({"dagster/partition": key}).success
        assert lab.numbers(BLOCKS) == list(range(10))
        before = lab.versions()
        assert lab.run_tagged({"dagster/partition": key}).success
        assert lab.versions() == before
        shown = lab.materializations("raw_blocks")[key].metadata["dagster/uri"].value
        assert shown == f"s3://{BUCKET}/deep/lake/raw_blocks"
