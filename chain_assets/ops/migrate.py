"""Brings the tables of an ops store up to date when it is opened.

    new file or schema  →  WAL (SQLite)  →  the migrations that it has not seen, in one transaction

Any number of processes may open a new store at once: one migrates, the others wait and find it
done. A store that is up to date costs one query, and Alembic is not even loaded.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from chain_assets.core.errors import ConfigError
from chain_assets.ops.database import BUSY_SECONDS, Database, make_folder
from chain_assets.ops.failures import is_busy
from chain_assets.ops.schema import REVISION, VERSION_TABLE

SCRIPTS = Path(__file__).parent / "migrations"
_MOUNTS = Path("/proc/mounts")
_SWITCH_AGAIN = 0.01
# SQLite's WAL keeps its index in shared memory, which machines do not share.
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre"})

# Alembic keeps the migration that runs in global variables.
_one_at_a_time = threading.Lock()


def open_database(url: str) -> Database:
    """The database at `url`, its tables up to date.

    Raises ConfigError for a URL of no supported database and for a store that a newer release has
    migrated; OpsStoreFailed where the database cannot be reached, read or written.
    """
    database = Database(url)
    if database.file is not None:
        make_folder(database.file)
    with database.reading() as connection:
        revision = _revision(connection)
    if revision == REVISION:
        return database
    if database.file is not None and not on_network(database.file.resolve(), _mounts()):
        _use_wal(database)
    with _one_at_a_time, database.changing("schema") as connection:
        _upgrade(connection, database.place)
    return database


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {VERSION_TABLE}")
    ).scalar()
    return found


def _upgrade(connection: Connection, place: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # `%` begins a reference to another option in Alembic's settings.
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigError(
            f"the ops store ({place}) was made by a newer release (revision {revision})",
            todo="Update chain-assets, or set CHAIN_ASSETS_OPS to another database",
        )
    command.upgrade(config, "head")


def _use_wal(database: Database) -> None:
    """Let readers and the writer go side by side. A file system that cannot goes on without.

    Of two that switch at one moment SQLite refuses one at once, without its busy timeout: both
    have read, and neither would let the other write. The one refused lets go and tries again.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    with database.raw() as connection:
        while True:
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except OperationalError as error:
                if not is_busy(error) or time.monotonic() > give_up:
                    raise
            time.sleep(_SWITCH_AGAIN)


def _mounts() -> str:
    with suppress(OSError):
        return _MOUNTS.read_text("utf-8", errors="replace")
    return ""


def on_network(file: Path, mounts: str) -> bool:
    """Whether `file` (absolute) lies on a file system of other machines, by Linux' list of mounts.

    Elsewhere nothing is listed, and the answer is no.
    """
    kinds = {}
    for line in mounts.splitlines():
        _, mount_point, kind, *_ = line.split(" ")
        # Blanks and the like are written as octal numbers.
        kinds[mount_point.encode().decode("unicode_escape")] = kind
    innermost = max((p for p in kinds if file.is_relative_to(p)), key=len, default=None)
    return innermost is not None and kinds[innermost] in _NETWORK
