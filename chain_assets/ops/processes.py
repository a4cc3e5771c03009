"""Which process holds something, so that another one on its machine can tell that it has ended.

    boot / PID namespace / PID / start      4f0c…/pid:[4026531836]/4711/123456

A PID alone is given to others again, and means nothing on another machine or in another container.
Known on Linux only; where it is not, or belongs elsewhere, nothing is said of a process. So it is
where /proc is another container's (`unshare --pid` without a /proc of its own): under our PIDs it
shows processes that are not ours.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# proc_pid_stat(5): the fields after the command's name, which may hold anything, even a `)`.
_STATE, _THREADS, _START = 0, 17, 19
# A process that was killed is listed until its parent asks for it, but runs no more. The state is
# that of its first thread, which may end before the others.
_ENDED = frozenset("ZX")
# The machine's start is told in whole seconds.
_ROUNDED = 1.0


@dataclass(frozen=True)
class _Seen:
    start: str
    ended: bool


def this_process() -> str | None:
    """This process among all of all machines; None where it cannot be told."""
    home = _home()
    seen = _look(os.getpid())
    return None if home is None or seen is None else f"{home}/{os.getpid()}/{seen.start}"


def has_ended(process: str | None) -> bool:
    """Whether `process`, which `this_process` told of itself, is known to run no more.

    False also where it cannot be known: it ran on another machine or in another container.
    """
    if process is None:
        return False
    home, pid, start = process.rsplit("/", 2)
    if home != _home():
        return False
    with suppress(PermissionError):
        # Not by looking into /proc: processes of other users may be hidden there.
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
    seen = _look(int(pid))
    return seen is not None and (seen.ended or seen.start != start)


def is_running_since(pid: int, at: float) -> bool:
    """Whether a process with this PID runs here that had begun by `at` (Unix seconds).

    False also where it cannot be known. One that got the PID of an older one begins later.
    """
    seen = _look(pid)
    if _home() is None or seen is None or seen.ended:
        return False
    with suppress(OSError, StopIteration):
        lines = (_PROC / "stat").read_text().splitlines()
        boot = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
        return boot + int(seen.start) / os.sysconf("SC_CLK_TCK") <= at + _ROUNDED
    return False


def _home() -> str | None:
    """Where PIDs mean the same: this machine since its start, and this container."""
    with suppress(OSError):
        # One PID for each container from that of /proc down to ours.
        if f"\nNSpid:\t{os.getpid()}\n" not in (_PROC / "self/status").read_text(errors="replace"):
            return None
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    return None


def _look(pid: int) -> _Seen | None:
    with suppress(OSError):
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
        fields = text.rpartition(")")[2].split()
        ended = fields[_STATE] in _ENDED and int(fields[_THREADS]) <= 1
        return _Seen(fields[_START], ended)
    return None
