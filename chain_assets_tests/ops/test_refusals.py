"""What a store cannot use is told with a way out, and no secret is told with it."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from chain_assets.core.errors import ConfigError, OpsStoreFailed
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import open_store
from chain_assets_tests.ops.postgres import PASSWORD, Postgres
from chain_assets_tests.ops.statements import change


def is_no_database(file: Path) -> None:
    file.write_bytes(b"This is no SQLite file" * 100)


def is_damaged(file: Path) -> None:
    open_store(sqlite_url(file)).close()
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    file.write_bytes(content)


def is_locked(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    # Kept open for the rest of the test.
    _LOCKED.append(connection)


_LOCKED: list[sqlite3.Connection] = []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(Path.mkdir, "the file cannot be opened.*Set CHAIN_ASSETS_OPS", id="folder"),
        pytest.param(is_no_database, "is not a SQLite database", id="another file"),
        pytest.param(is_damaged, "is damaged.*no block is lost", id="damaged"),
        pytest.param(is_locked, "locked by others for too long.*Try again", id="locked"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], words: str
) -> None:
    monkeypatch.setattr("chain_assets.ops.database.BUSY_SECONDS", 0.1)
    file = tmp_path / "ops.db"
    make(file)
    with pytest.raises(OpsStoreFailed, match=words) as caught:
        open_database(sqlite_url(file))
    assert f"SQLite file {file}" in str(caught.value)
    while _LOCKED:
        _LOCKED.pop().close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OpsStoreFailed, match=r"folder .*file/below cannot be made: Not a dir"):
        open_store(f"sqlite:///{tmp_path}/file/below/ops.db")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("query_only = 1", "read-only.*Set CHAIN_ASSETS_OPS", id="read-only"),
        pytest.param("max_page_count = 1", "the disk is full.*Free some", id="full"),
    ],
)
def test_a_database_that_takes_no_more_is_told(tmp_path: Path, setting: str, words: str) -> None:
    database = open_database(sqlite_url(tmp_path / "ops.db"))
    row = f"'{'x' * 9999}', 1, '', ''"
    with pytest.raises(OpsStoreFailed, match=words):
        change(database, f"PRAGMA {setting}", f"INSERT INTO ops_watermarks VALUES ({row})")


def test_a_missing_driver_is_told_with_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg2'] = None\n"
        "from chain_assets.ops.store import open_store\n"
        "open_store('postgresql://ops:secret@host/ops')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "ConfigError: the package psycopg2 is missing. pip install" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ops.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        f"mysql://ops:{PASSWORD}@host/ops",
        f"postgres://ops:{PASSWORD}@host/ops",
        f"postgresql+asyncpg://ops:{PASSWORD}@host/ops",
        f"postgresql://ops:secret@host:{PASSWORD}/ops",
    ],
)
def test_a_url_of_no_supported_database_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigError, match=r"CHAIN_ASSETS_OPS .*Use sqlite:///") as caught:
        open_store(url)
    assert_silent("".join(traceback.format_exception(caught.value)))


def assert_silent(text: str) -> None:
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F"), "a-pass", "may%see", "secret"):
        assert secret not in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda url: url.replace("a-pass", "b-pass"), "refused user or", id="password"),
        pytest.param(
            lambda url: url.replace("/postgres?", "/nothing?"), "does not exist", id="database"
        ),
        pytest.param(lambda url: url.replace("host=", "host=%2Fno"), "nothing listens", id="host"),
    ],
)
def test_a_server_that_refuses_is_told_without_url_user_or_password(
    postgres: Postgres, change: Callable[[str], str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(OpsStoreFailed, match=words) as caught:
        open_store(change(postgres.new_url()))
    assert caught.value.transient
    assert str(caught.value).startswith("the ops store (PostgreSQL) failed: ")
    assert_silent("".join(traceback.format_exception(caught.value)) + caplog.text)


def test_a_failed_statement_is_told_without_its_parameters(url: str) -> None:
    database = open_database(url)
    with pytest.raises(OpsStoreFailed) as caught:
        change(database, f"INSERT INTO ops_watermarks VALUES ('{PASSWORD[:6]}', NULL, NULL, NULL)")
    assert_silent("".join(traceback.format_exception(caught.value)))


def test_neither_store_nor_its_parts_show_the_password(postgres: Postgres) -> None:
    with open_store(postgres.new_url()) as ops:
        parts = [ops, ops._database, *vars(ops).values(), *vars(ops._database).values()]
        assert_silent(repr(parts))
