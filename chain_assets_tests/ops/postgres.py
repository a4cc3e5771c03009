"""A real PostgreSQL for tests: a new cluster in a folder of its own, reached by a Unix socket.

with running_postgres() as server:
    url = server.new_url()
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

from chain_assets_tests.tools import missing_tool

PASSWORD = "a-pass/word@that:nobody?may%see"
_USER = "ops"
_START_SECONDS = 60
_PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass
class Postgres:
    """A running server. Users log in with a password (scram-sha-256)."""

    socket_folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, schema: str = "public", *, database: str = "postgres") -> str:
        """A URL as CHAIN_ASSETS_OPS has it."""
        url = URL.create(
            "postgresql+psycopg2",
            username=_USER,
            password=PASSWORD,
            database=database,
            query={"host": str(self.socket_folder), "options": f"-csearch_path={schema}"},
        )
        return url.render_as_string(hide_password=False)

    def new_url(self) -> str:
        """The URL of an empty schema that nobody else has; a database of its own takes longer."""
        schema = f"ops_{next(self._numbers)}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
        return self.url(schema)


def find_postgres() -> Path | None:
    """The folder of the server's programs, the newest if there are several, or None."""
    found = shutil.which("postgres")
    if found:
        # A link on PATH leads to the folder that has initdb too.
        return Path(found).resolve().parent
    folders = [folder for place in _PLACES for folder in Path("/").glob(place.lstrip("/"))]
    return max((f for f in folders if (f / "postgres").exists()), default=None)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for as long as the block runs. Skips the test where PostgreSQL is missing."""
    programs = find_postgres()
    if programs is None:
        missing_tool("PostgreSQL", "install Debian's package postgresql")
    # The shortest path there is: that of a Unix socket must be shorter than 108 characters.
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder, user = Path(name), _server_user()
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        _make_cluster(programs, folder, user)
        command: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder]
        # Nothing of it has to outlive the test: no fsync. No port: no other test can be in the way.
        options = ["listen_addresses=", "fsync=off", "max_connections=300"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *(word for option in options for word in ("-c", option))],
                stdout=log,
                stderr=log,
                user=user,
                cwd=folder,
            )
        try:
            yield _when_ready(Postgres(folder), process, folder / "log")
        finally:
            process.send_signal(signal.SIGQUIT)  # "immediate": nothing of it is to be kept
            process.wait(timeout=_START_SECONDS)


def _server_user() -> str | None:
    """The user that the server runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _make_cluster(programs: Path, folder: Path, user: str | None) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    options: list[str | Path] = [
        "--username",
        _USER,
        "--pwfile",
        password,
        "--auth",
        "scram-sha-256",
        "--no-sync",
    ]
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-E",
        "UTF8",
        "--no-locale",
    ]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, user=user, cwd=folder
    )
    assert done.returncode == 0, done.stderr


def _when_ready(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> Postgres:
    engine = create_engine(server.url())
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, log.read_text("utf-8", errors="replace")
            time.sleep(0.05)
        else:
            engine.dispose()
            return server
