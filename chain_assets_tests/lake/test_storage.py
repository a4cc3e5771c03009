"""The object store: the same five verbs on a folder and on S3; whole objects or none."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.core.errors import ConfigError, StorageFailed
from chain_assets.lake.storage import LocalStore, ObjectStore, S3Access, Storage, open_store
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.views import query
from chain_assets_tests.lake.withdrawal_rows import replace, stored
from chain_assets_tests.lake_fixtures import fill_disk, s3_lake, small_disk

_MEGABYTE = 1024 * 1024


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "local":
        yield open_store(Storage(str(tmp_path / "a lake")))
        return
    with s3_lake() as storage:
        yield open_store(storage)


def test_what_was_put_is_there_and_listed_by_folder(store: ObjectStore) -> None:
    store.put("raw/c/1/a.zst", b"one")
    store.put("raw/c/1/deeper/b.zst", b"four")
    store.put("raw/c/10/c.zst", b"")
    assert store.get("raw/c/1/a.zst") == b"one"
    assert store.get("raw/c/10/c.zst") == b""
    assert store.sizes("raw/c/1") == {"raw/c/1/a.zst": 3, "raw/c/1/deeper/b.zst": 4}
    assert store.sizes("raw/c/1/") == store.sizes("raw/c/1")
    assert set(store.sizes("raw")) == {
        "raw/c/1/a.zst",
        "raw/c/1/deeper/b.zst",
        "raw/c/10/c.zst",
    }


def test_an_object_can_be_read_in_parts(store: ObjectStore) -> None:
    content = bytes(range(256)) * 8
    store.put("raw/c/1/a.zst", content)
    with store.open("raw/c/1/a.zst") as opened:
        assert opened.size() == len(content)
        opened.seek(1000)
        assert opened.read(40) == content[1000:1040]
        opened.seek(-8, 2)
        assert opened.read() == content[-8:]


def test_a_second_put_replaces_the_object(store: ObjectStore) -> None:
    store.put("a", b"old and long")
    store.put("a", b"new")
    assert store.get("a") == b"new"


def test_a_folder_that_is_not_there_is_empty(store: ObjectStore) -> None:
    assert store.sizes("raw/nowhere") == {}


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null"])
def test_a_put_where_no_folder_can_be_made_is_a_failure_of_the_store(folder: str) -> None:
    with pytest.raises(StorageFailed, match=f"{folder}/lake/a cannot be written"):
        open_store(Storage(f"{folder}/lake")).put("a", b"x")


@pytest.mark.parametrize("uri", ["a%20b", "/x/%C3%BC/lake", "s3://bucket/a%2fb"])
def test_a_path_that_delta_rs_reads_otherwise_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="in the lake's path"):
        open_store(Storage(uri))


def test_the_working_folder_is_part_of_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "50%25").mkdir()
    monkeypatch.chdir(tmp_path / "50%25")
    with pytest.raises(ConfigError, match="'%25' in the lake's path"):
        open_store(Storage("lake"))


@pytest.mark.parametrize("name", ["50%", "a b", "100% [real] {lake} #1?", "ü"])
def test_any_other_sign_may_stand_in_a_path(name: str, tmp_path: Path) -> None:
    tables = LakeTables(Storage(str(tmp_path / name)))
    replace(tables, [1, 2])
    assert replace(tables, [2], value=3).rows_removed == 1
    assert stored(tables) == {1: 0, 2: 3}
    answer = query(tables, "SELECT count(*) AS n FROM decoded_withdrawals")
    assert answer.to_pylist() == [{"n": 2}]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_moved_object_is_at_its_new_place_only(store: ObjectStore) -> None:
    store.put("raw/a", b"x")
    store.move("raw/a", "raw/a.corrupt")
    assert store.sizes("raw") == {"raw/a.corrupt": 1}
    assert store.get("raw/a.corrupt") == b"x"


def test_a_missing_object_is_a_file_not_found(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.get("raw/nothing")
    with pytest.raises(FileNotFoundError):
        store.open("raw/nothing")
    with pytest.raises(FileNotFoundError):
        store.move("raw/nothing", "raw/elsewhere")


def test_an_error_names_the_path_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"a file where a folder should be")
    store = LocalStore(tmp_path)
    for attempt in (
        lambda: store.put("raw/a", b"x"),
        lambda: store.get("raw/a"),
        lambda: store.sizes("raw"),
    ):
        with pytest.raises(StorageFailed, match=r"raw.*(Not a directory|File exists)"):
            attempt()


def test_a_full_disk_leaves_no_part_of_an_object(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kib=512) as disk:
        store = LocalStore(disk)
        store.put("raw/before", b"x")
        ballast = fill_disk(disk, leave_kib=64)
        with pytest.raises(StorageFailed, match=r"raw/big.*No space left.*Free some space"):
            store.put("raw/big", bytes(200 * 1024))
        assert [path.name for path in (disk / "raw").iterdir()] == ["before"]
        ballast.unlink()
        store.put("raw/big", bytes(200 * 1024))
        assert store.sizes("raw") == {"raw/before": 1, "raw/big": 200 * 1024}


def _put_for_ever(root: Path) -> None:
    store = LocalStore(root)
    while True:
        for letter in (b"a", b"b"):
            store.put("object", letter * _MEGABYTE)


def test_a_reader_sees_whole_objects_while_a_writer_works_and_after_it_was_killed(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    writer = multiprocessing.get_context("spawn").Process(target=_put_for_ever, args=(tmp_path,))
    writer.start()
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "object").exists():
            assert time.monotonic() < deadline, "the writer wrote nothing"
            time.sleep(0.01)
        for _ in range(100):
            assert store.get("object") in (b"a" * _MEGABYTE, b"b" * _MEGABYTE)
    finally:
        writer.kill()
        writer.join()
    assert store.get("object") in (b"a" * _MEGABYTE, b"b" * _MEGABYTE)
    assert store.sizes("") == {"object": _MEGABYTE}


@pytest.mark.parametrize("uri", ["gs://bucket/lake", "hdfs://host/lake", "s3://"])
def test_a_lake_that_cannot_be_is_refused_with_what_can(uri: str) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/prefix"):
        open_store(Storage(uri))


def test_access_keys_are_not_shown_but_cross_to_workers() -> None:
    access = S3Access("http://host", "region", "AKIAKEY", "the-secret", "the-token")
    storage = Storage("s3://bucket", s3=access)
    shown = repr(storage)
    assert not any(secret in shown for secret in ("AKIAKEY", "the-secret", "the-token"))
    assert pickle.loads(pickle.dumps(storage)) == storage


def test_paths_of_the_lake_are_below_its_root() -> None:
    assert Storage("s3://bucket/prefix/").path("raw", "a") == "s3://bucket/prefix/raw/a"
    assert Storage("lake").path("raw_blocks") == "lake/raw_blocks"
