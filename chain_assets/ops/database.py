"""The database under the ops store: SQLite or PostgreSQL, connections, transactions.

    with database.changing("leases/…") as connection:   one writer at a time per name
    with database.reading() as connection:              never waits for writers

Every read-modify-write names what it is about to change and has it alone until its end. SQLite has
one writer at a time anyway (BEGIN IMMEDIATE, so that it waits before it reads and not after);
PostgreSQL takes an advisory lock of the transaction. One transaction takes one lock, so that no
two wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from chain_assets.core.errors import ConfigError, OpsStoreFailed
from chain_assets.core.fault_points import fault_point
from chain_assets.ops.failures import store_failure

_FORMS = "Use sqlite:///path/to/ops.db or postgresql+psycopg2://user:password@host/database"
_POSTGRESQL = "postgresql+psycopg2"
BUSY_SECONDS = 30.0
# A server that is gone without a word must not hold up a writer for minutes; milliseconds where
# libpq or PostgreSQL want them.
_POSTGRESQL_ARGUMENTS: Mapping[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "chain_assets",
}
_POSTGRESQL_TIMEOUT = "SET LOCAL statement_timeout = 30000"
# The option of a connection that says how SQLite begins its transactions.
_BEGIN = "chain_assets_begin"
_inherited: list[Any] = []


class Database:
    """One database. Threads may share it; a forked child gets connections of its own."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises ConfigError for a URL of no supported database."""
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.file = Path(parsed.database) if self.is_sqlite and parsed.database else None
        self.place = f"SQLite file {self.file}" if self.file else "PostgreSQL"
        self._engine = _engine(parsed)

    def __repr__(self) -> str:
        return f"Database({self.place})"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing. Raises OpsStoreFailed."""
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def changing(self, what: str) -> Iterator[Connection]:
        """A transaction that has the things named `what` alone; an error undoes all of it.

        Raises OpsStoreFailed, also where the others took longer than 30 s.
        """
        engine = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        with self._errors(), engine.begin() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(_POSTGRESQL_TIMEOUT)
                lock = func.pg_advisory_xact_lock(func.hashtextextended(f"chain_assets/{what}", 0))
                connection.execute(select(lock))
            yield connection
            fault_point("ops change to commit", what.split("/")[0])
        fault_point("ops change committed", what.split("/")[0])

    @contextmanager
    def raw(self) -> Iterator[Connection]:
        """A connection to SQLite outside of any transaction, for what cannot be done in one."""
        engine = self._engine.execution_options(**{_BEGIN: ""})
        with self._errors(), engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close the connections. The database may be used again, and connects anew."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # `from None`: the driver's error quotes statements, hosts and users.
            raise store_failure(error, self.place) from None


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def make_folder(file: Path) -> None:
    """The folder of a SQLite file. Raises OpsStoreFailed."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OpsStoreFailed(
            f"the ops store's folder {file.parent} cannot be made: {error.strerror}",
            todo="Set CHAIN_ASSETS_OPS to a database elsewhere",
        ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not quoted, and no cause: what could not be read may well be a password.
        raise ConfigError("CHAIN_ASSETS_OPS is not a database URL", todo=_FORMS) from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or ":memory:" in parsed.database or parsed.query.get("uri"):
            raise ConfigError(
                "CHAIN_ASSETS_OPS must name a file: other processes have to see it", todo=_FORMS
            )
        # Absolute, since a process may change its working folder.
        return parsed.set(database=str(Path(parsed.database).absolute()))
    if parsed.drivername in ("postgresql", _POSTGRESQL):
        # Without a driver in the URL, SQLAlchemy 2.1 takes one that Dagster does not bring.
        return parsed.set(drivername=_POSTGRESQL)
    raise ConfigError("CHAIN_ASSETS_OPS names a database that is not supported", todo=_FORMS)


def _engine(url: URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    arguments: Mapping[str, Any] = {"timeout": BUSY_SECONDS} if sqlite else _POSTGRESQL_ARGUMENTS
    try:
        engine = create_engine(
            url,
            # What the URL's own query says is left as it is.
            connect_args={k: v for k, v in arguments.items() if k not in url.query},
            hide_parameters=True,
            # Under a stricter one PostgreSQL would read what was there before the wait for a lock.
            isolation_level=None if sqlite else "READ COMMITTED",
            poolclass=QueuePool,
            pool_size=4,
            # Each thread that asks gets one: waiting for a connection is no use to anybody.
            max_overflow=-1,
            pool_pre_ping=not sqlite,
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name} is missing", todo="pip install 'chain-assets[postgres]'"
        ) from None
    _own_connections_after_a_fork(engine)
    if sqlite:
        _own_transactions(engine)
    return engine


def _own_transactions(engine: Engine) -> None:
    """Begin SQLite's transactions ourselves: Python's module begins late, and none before DDL."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        if statement := connection.get_execution_options().get(_BEGIN, "BEGIN"):
            connection.exec_driver_sql(statement)


def _own_connections_after_a_fork(engine: Engine) -> None:
    """Let a child go on with connections of its own: one that two processes use mixes up both."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        record.info["pid"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def checked_out(connection: Any, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            # Kept for ever: SQLite forbids a child even to close what it inherited.
            _inherited.append(connection)
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("opened by another process")
