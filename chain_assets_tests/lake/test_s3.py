"""The lake on S3, through a real HTTP server: blobs, Delta commits, the whole pipeline."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace as replace_fields
from pathlib import Path

import pytest

from chain_assets.core.errors import CommitConflict, LakeError, StorageFailed
from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.blobs import read_blob, write_blob
from chain_assets.lake.storage import S3Access, Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, stored
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_same,
    contents,
    live_files,
    s3_lake,
    secrets_of_s3,
    small_chain,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def lake() -> Iterator[Storage]:
    with s3_lake() as storage:
        yield storage


def test_blobs_come_back_from_the_bucket(lake: Storage) -> None:
    store = LakeTables(lake).store
    blob = write_blob(store, b"{}", chain="c", block_range="r", number=1, block_hash=bytes(32))
    assert read_blob(store, blob, chain="c") == b"{}"
    assert store.sizes("raw/c/r") == {blob.path: blob.size_bytes}


def test_replacing_blocks_is_exact_on_s3(lake: Storage) -> None:
    tables = LakeTables(lake)
    replace(tables, range(6), value=1)
    replace(tables, [2, 3], value=2, remove=[5])
    assert stored(tables, **PARTITION) == {0: 1, 1: 1, 2: 2, 3: 2, 4: 1}


def test_commits_of_many_threads_all_survive(lake: Storage) -> None:
    partitions = [{"chain": "c", "block_range": str(number)} for number in range(6)]

    def write(partition: dict[str, str]) -> None:
        for value in range(2):
            replace(LakeTables(lake), [1, 2, 3], value=value, partition=partition)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, partitions))
    assert all(stored(LakeTables(lake), **p) == {1: 1, 2: 1, 3: 1} for p in partitions)
    assert LakeTables(lake).read(WITHDRAWALS).num_rows == 18


def _write_many(storage: Storage, first: int) -> None:
    for number in range(first, first + 2):
        partition = {"chain": "c", "block_range": str(number)}
        replace(LakeTables(storage), [number], partition=partition)


def test_commits_of_several_processes_all_survive(lake: Storage) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(lake, first)) for first in (0, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=120)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert stored(LakeTables(lake)) == dict.fromkeys(range(4), 0)


def test_of_writers_to_one_partition_no_row_is_doubled(lake: Storage) -> None:
    def write(value: int) -> bool:
        try:
            replace(LakeTables(lake), [1, 2], value=value)
        except CommitConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(write, range(4)))
    assert any(outcomes)
    found = stored(LakeTables(lake))
    assert found.keys() == {1, 2}
    assert found[1] == found[2]


def test_the_pipeline_makes_the_same_tables_as_in_a_folder(lake: Storage, tmp_path: Path) -> None:
    remote = Pipeline.on_devnet(lake, chain=small_chain(blocks=6, finality=5))
    remote.run(0, 5)
    local = remote.into(tmp_path)
    local.run(0, 5)
    assert_same(contents(remote.tables), contents(local.tables))
    before = live_files(remote.tables)
    remote.net.reorg(2)
    remote.run(0, 5)
    local.run(0, 5)
    assert_same(contents(remote.tables), contents(local.tables))
    assert live_files(remote.tables) != before


def test_an_error_shows_the_place_but_no_key(lake: Storage) -> None:
    missing = Storage("s3://no-such-bucket/lake", s3=lake.s3)
    tables = LakeTables(missing)
    for attempt in (
        lambda: tables.store.put("raw/a", b"x"),
        lambda: tables.store.sizes("raw"),
        lambda: tables.replace_blocks(WITHDRAWALS, [], partition=PARTITION, numbers={1}),
    ):
        with pytest.raises(LakeError, match="no-such-bucket") as caught:
            attempt()
        text = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert not any(secret in text for secret in secrets_of_s3())
        assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_named_with_what_to_do(lake: Storage) -> None:
    elsewhere = replace_fields(lake, uri="s3://nobody-made-it/lake")
    with pytest.raises(StorageFailed, match=r"NoSuchBucket\. Make the bucket, or") as caught:
        LakeTables(elsewhere).live_files(WITHDRAWALS)
    assert "<" not in str(caught.value)
    assert "s3://nobody-made-it/lake" in str(caught.value)


def test_an_endpoint_where_nothing_listens_is_an_error_within_bounded_time() -> None:
    access = S3Access("http://127.0.0.1:9", "us-east-1", *secrets_of_s3())
    tables = LakeTables(Storage("s3://bucket/lake", s3=access))
    started = time.monotonic()
    with pytest.raises(StorageFailed, match=r"s3://bucket/lake") as caught:
        tables.open(WITHDRAWALS)
    with pytest.raises(StorageFailed, match=r"s3://bucket/lake/a cannot be written"):
        tables.store.put("a", b"x")
    assert time.monotonic() - started < 60
    assert not any(secret in str(caught.value) for secret in secrets_of_s3())
