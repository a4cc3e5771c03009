"""`dagster dev` as a person starts it, and what its UI asks it over GraphQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
_STARTED_WITHIN = 120
_STOPPED_WITHIN = 30


@dataclass(frozen=True)
class Server:
    """A running `dagster dev`. Its processes are a group of their own."""

    url: str
    process: subprocess.Popen[bytes]

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of the answer. Raises AssertionError with the errors."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def kill(self) -> None:
        """kill -9 of everything: web server, daemon, code server, runs."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def dagster_dev(home: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """`dagster dev` with the repository's workspace and this DAGSTER_HOME, once it is serving."""
    port = _free_port()
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
    with (home / f"dev-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            # Another folder than the repository's: nothing may depend on where it is started.
            cwd=home,
            env={**os.environ, **environment, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Dagster's processes ignore SIGTERM where they were started with SIGINT ignored, as a
            # shell's background jobs are.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        server = Server(f"http://127.0.0.1:{port}", process)
        try:
            wait_until(lambda: _serves(server), seconds=_STARTED_WITHIN, what="the UI to serve")
            yield server
        finally:
            _stop(server)


def wait_until(
    answer: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.5
) -> T:
    """The first answer that is true. Raises AssertionError where none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def _serves(server: Server) -> bool:
    assert server.process.poll() is None, "dagster dev ended"
    with suppress(requests.ConnectionError):
        locations = server.graphql(
            "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError"
            " { __typename ... on PythonError { message } } } } } }"
        )["workspaceOrError"]["locationEntries"]
        states = [entry["locationOrLoadError"] for entry in locations]
        assert all(s is None or s["__typename"] == "RepositoryLocation" for s in states), states
        return bool(states) and all(states)
    return False


def _stop(server: Server) -> None:
    if server.process.poll() is None:
        server.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(_STOPPED_WITHIN)
    # What was left behind would go on writing into a folder that is about to be removed.
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
