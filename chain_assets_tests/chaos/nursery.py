"""Processes for jobs, forked from one that has imported everything and compiled all kernels.

    storm (threads, a server) ──pipe──→ nursery (one thread) ──fork──→ child, child, …

A process of its own forks, because the storm's has threads, whose locks a child would inherit. A
child costs some milliseconds instead of the seconds that imports take.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Literal, NoReturn, Self

from chain_assets.core.warm_up import warm_up
from chain_assets_tests.chaos.child import Job, run_job
from chain_assets_tests.lake_fixtures import registry

End = Literal["ended", "killed", "stopped", "crashed"]


class Nursery:
    """Starts jobs and waits for them. A context manager: at its end no child is left."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="nursery")
        self._process.start()
        theirs.close()
        self._alive: set[int] = set()
        self._ask("ready")
        return self

    def __exit__(self, *error: object) -> None:
        for pid in tuple(self._alive):
            self.kill(pid)
            self.wait(pid)
        self._pipe.close()
        self._process.join(timeout=10)
        self._process.kill()

    def start(self, job: Job) -> int:
        """The process id of a child that does `job`."""
        pid: int = self._ask("start", job)
        self._alive.add(pid)
        return pid

    def wait(self, pid: int) -> End:
        """How the child ended; it may also have been stopped, and ends later."""
        status: int = self._ask("wait", pid)
        if os.WIFSTOPPED(status):
            return "stopped"
        self._alive.discard(pid)
        if not os.WIFSIGNALED(status):
            return "ended"
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else "crashed"

    def kill(self, pid: int) -> None:
        """SIGKILL. Its id is not given to another process before it was waited for."""
        os.kill(pid, signal.SIGKILL)

    def resume(self, pid: int) -> None:
        """Let a stopped child go on."""
        os.kill(pid, signal.SIGCONT)

    def _ask(self, *request: object) -> int:
        self._pipe.send(request)
        answer: int = self._pipe.recv()
        return answer


def _serve(pipe: Connection) -> None:
    # What is warned of is what the storm has brought about: it would fill the screen.
    logging.getLogger("chain_assets").setLevel(logging.ERROR)
    warm_up()
    registry()
    # The storm's end, whatever it came by, is the nursery's too.
    with suppress(EOFError, BrokenPipeError):
        while True:
            kind, *arguments = pipe.recv()
            pipe.send(_do(kind, *arguments))


def _do(kind: Literal["ready", "start", "wait"], argument: Any = None) -> int:
    if kind == "start":
        pid = os.fork()
        if pid == 0:
            _be_a_child(argument)
        return pid
    return os.waitpid(argument, os.WUNTRACED)[1] if kind == "wait" else 0


def _be_a_child(job: Job) -> NoReturn:
    try:
        run_job(job)
    finally:
        # Not sys.exit: what the nursery would do at its own end is not the child's business.
        os._exit(0)
