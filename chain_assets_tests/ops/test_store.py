"""Opening a store: it is made, migrated, found again, and connected again by itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from chain_assets.core.errors import ConfigError, LeaseTaken, OpsStoreFailed
from chain_assets.ops.database import Database, sqlite_url
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.migrate import SCRIPTS, on_network, open_database
from chain_assets.ops.schema import REVISION, VERSION_TABLE, metadata
from chain_assets.ops.store import open_store, process_name
from chain_assets_tests.ops.postgres import Postgres
from chain_assets_tests.ops.statements import change

KEY = LeaseKey("ethereum", "000000000000-000000000999", "decoded")


def test_the_migrations_make_the_tables_that_the_schema_describes(url: str) -> None:
    with open_database(url).reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_that_the_schema_names() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == REVISION


def test_a_store_keeps_what_it_had_when_it_is_opened_again(url: str) -> None:
    with open_store(url) as ops:
        ops.watermarks.raise_watermark("base", 7, b"\x07")
    with open_store(url) as ops:
        found = ops.watermarks.watermark("base")
    assert found is not None
    assert (found.number, found.hash) == (7, b"\x07")


def test_a_store_that_is_up_to_date_is_opened_without_loading_alembic(url: str) -> None:
    open_database(url).close()
    program = (
        "import sys; from chain_assets.ops.store import open_store\n"
        f"open_store({url!r}).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_store_of_a_newer_release_is_refused(url: str) -> None:
    with open_database(url).changing("schema") as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"newer release.*Update chain-assets"):
        open_database(url)


def test_the_store_of_an_older_release_is_migrated_and_its_leases_still_hold(url: str) -> None:
    database = Database(url)
    with database.changing("schema") as connection:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO ops_leases VALUES (:chain, :block_range, :layer, 'old', 7,"
                " :now, :later, NULL)"
            ),
            {**asdict(KEY), "now": "2026-01-01 00:00:00", "later": "2999-01-01 00:00:00"},
        )
    with open_store(url) as ops:
        assert [lease.token for lease in ops.leases.live()] == [7]
        with pytest.raises(LeaseTaken, match="old has the lease"):
            ops.leases.acquire(KEY, owner="new", ttl=60)


def test_a_failed_change_leaves_nothing_behind(url: str) -> None:
    with open_database(url).changing("x") as connection:
        connection.exec_driver_sql("CREATE TABLE kept (n INTEGER)")
    with pytest.raises(OpsStoreFailed):
        change(
            open_database(url),
            "INSERT INTO kept VALUES (1)",
            "CREATE TABLE lost (n INTEGER)",
            "SELECT * FROM nowhere",
        )
    with open_database(url).reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar() == 0
    with pytest.raises(OpsStoreFailed), open_database(url).reading() as connection:
        connection.exec_driver_sql("SELECT * FROM lost")


def test_readers_do_not_wait_for_a_writer(url: str) -> None:
    with open_store(url) as ops, open_database(url).changing("holds/base") as connection:
        connection.exec_driver_sql("DELETE FROM ops_holds")
        assert ops.holds.find() == ()


def test_tables_lie_beside_others_that_count_their_migrations(url: str) -> None:
    with Database(url).changing("x") as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of Dagster')")
    with open_store(url) as ops:
        assert ops.holds.find() == ()
    with Database(url).reading() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert found == "of Dagster"


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "#1", "ä", "a%20b", "a@b:c"])
def test_a_sqlite_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "deeper" / "ops.db"
    open_store(sqlite_url(file)).close()
    assert file.read_bytes().startswith(b"SQLite format 3\0")


def test_a_relative_sqlite_file_stays_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("sqlite:///ops.db") as ops:
        ops.watermarks.raise_watermark("base", 7, b"\x07")
        ops.close()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert ops.watermarks.watermark("base") is not None


def test_postgresql_needs_no_driver_in_its_url(postgres: Postgres) -> None:
    url = postgres.new_url().replace("+psycopg2", "")
    with open_store(url) as ops:
        assert ops.holds.find() == ()


def test_a_connection_that_was_cut_is_replaced(postgres: Postgres) -> None:
    url = postgres.new_url()
    with open_store(url) as ops, open_database(url).changing("x") as connection:
        ops.leases.acquire(KEY, owner="a", ttl=60)
        others = "application_name = 'chain_assets' AND pid <> pg_backend_pid()"
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        assert True in connection.exec_driver_sql(cut).scalars().all()
        assert len(ops.leases.live()) == 1


def test_the_actor_is_this_process_unless_said_otherwise(tmp_path: Path) -> None:
    with open_store(sqlite_url(tmp_path / "ops.db")) as ops:
        assert ops.actor == process_name()
    host, _, pid = process_name().rpartition(":")
    assert host
    assert pid.isdecimal()


MOUNTS = r"""
/dev/vda / ext4 rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
/dev/vdb /mnt/shared/local xfs rw 0 0
//server/docs /mnt/with\040blank cifs rw 0 0
tmpfs /tmp tmpfs rw 0 0
""".strip()


@pytest.mark.parametrize(
    ("file", "network"),
    [
        ("/srv/ops.db", False),
        ("/mnt/shared/lake/ops.db", True),
        ("/mnt/shared/local/ops.db", False),
        ("/mnt/sharedish/ops.db", False),
        ("/mnt/with blank/ops.db", True),
    ],
)
def test_a_file_on_another_machine_is_known_by_its_mount(file: str, network: bool) -> None:
    assert on_network(Path(file), MOUNTS) is network
    assert on_network(Path(file), "") is False


def test_a_file_of_this_machine_has_a_write_ahead_log_and_one_of_another_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    for name, mounts in (("here", ""), ("there", f"server:/x {tmp_path} nfs4 rw 0 0")):
        monkeypatch.setattr("chain_assets.ops.migrate._mounts", lambda text=mounts: text)
        with open_database(sqlite_url(tmp_path / name)).reading() as connection:
            modes.append(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    assert modes == ["wal", "delete"]
