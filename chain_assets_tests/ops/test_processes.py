"""Telling that a process has ended, and never of one that has not, or that nothing is known of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.core.errors import LeaseTaken
from chain_assets.ops.leases import LeaseKey
from chain_assets.ops.migrate import open_database
from chain_assets.ops.processes import has_ended, this_process
from chain_assets.ops.store import open_store
from chain_assets_tests.ops.statements import change
from chain_assets_tests.tools import missing_tool

KEY = LeaseKey("ethereum", "000000000000-000000000999", "decoded")
_TELL = "import sys; from chain_assets.ops.processes import *; print(this_process(), flush=True)"
# /proc quotes a process' name in brackets, whatever is in it.
_HOSTILE_NAME = "open('/proc/self/comm', 'w').write('a) Z 1 (b');"
_HOLD = (
    f"{_TELL}; from chain_assets.ops.store import open_store;"
    "from chain_assets.ops.leases import LeaseKey;"
    "store = open_store(sys.argv[1]);"
    f"store.leases.acquire(LeaseKey(*{(KEY.chain, KEY.block_range, KEY.layer)!r}), owner='it',"
    "ttl=3600); print('held', flush=True); input()"
)


@pytest.fixture
def own() -> str:
    found = this_process()
    assert found is not None, "Linux tells"
    return found


def started(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that waits, and what it told of itself."""
    with started(f"{_HOSTILE_NAME} {_TELL}; input()") as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_this_process_has_not_ended(own: str) -> None:
    assert this_process() == own
    assert not has_ended(own)


def test_a_process_that_waits_or_is_stopped_has_not_ended(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    assert not has_ended(name)
    process.send_signal(signal.SIGSTOP)
    assert not has_ended(name)


def test_a_process_that_was_killed_has_ended_before_its_parent_asks(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(name)
    process.wait()
    assert has_ended(name)


def test_a_process_has_not_ended_with_its_first_thread() -> None:
    """It is shown as one that was killed, state Z, though its other threads go on."""
    program = (
        f"import ctypes, os, threading; {_TELL};"
        "threading.Thread(target=lambda: os.read(0, 1)).start();"
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    with started(program) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        stat = Path(f"/proc/{process.pid}/stat")
        while " Z " not in stat.read_text():
            assert process.poll() is None
        assert not has_ended(name)
        process.kill()
        process.wait()
        assert has_ended(name)


def test_where_proc_shows_the_processes_of_another_container_nothing_is_said() -> None:
    """There the number of this process is that of some process outside."""
    if shutil.which("unshare") is None:
        missing_tool("unshare", "install util-linux")
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", _TELL]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode and not found.stdout:
        missing_tool("the right to make a PID namespace", "run the tests as root on Linux")
    assert found.stdout == "None\n"


def test_another_process_that_got_the_same_number_is_not_taken_for_it(own: str) -> None:
    head, _, start = own.rpartition("/")
    assert has_ended(f"{head}/{int(start) - 1}")


@pytest.mark.parametrize("part", [0, 1], ids=["another machine", "another container"])
def test_of_processes_elsewhere_nothing_is_said(own: str, part: int) -> None:
    parts = own.split("/")
    parts[part] = "elsewhere"
    parts[2] = str(2**22 + 1)  # beyond any PID of this machine
    assert not has_ended("/".join(parts))


def test_a_process_that_told_nothing_has_not_ended() -> None:
    assert not has_ended(None)


def test_a_process_of_another_user_is_there_though_it_may_not_be_asked(own: str) -> None:
    """PID 1 is somebody else's for whoever is not root."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            start = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
            home = own.rsplit("/", 2)[0]
            os._exit(1 if has_ended(f"{home}/1/{start}") else 0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_lease_of_a_process_that_was_killed_is_inherited_at_once(url: str) -> None:
    with open_store(url) as ops, started(_HOLD, url) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)][-1] == "held\n"
        with pytest.raises(LeaseTaken):
            ops.leases.acquire(KEY, owner="next", ttl=60)
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LeaseTaken):
            ops.leases.acquire(KEY, owner="next", ttl=60)
        assert len(ops.leases.live()) == 1
        process.kill()
        process.wait()
        assert ops.leases.live() == ()
        with ops.held(KEY, owner="next") as lease:
            assert lease.inherited
        assert [line.action for line in ops.audit.lines()] == ["lease inherited"]


def test_a_lease_that_an_older_release_took_is_not_held_by_the_process_named_in_its_row(
    url: str,
) -> None:
    """It knows nothing of processes, and leaves the name of an earlier one, which has ended."""
    with open_store(url) as ops, started(_HOLD, url) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)][-1] == "held\n"
        process.kill()
        process.wait()
        change(open_database(url), "UPDATE ops_leases SET owner = 'older', token = token + 1")
        assert [lease.owner for lease in ops.leases.live()] == ["older"]
        with pytest.raises(LeaseTaken, match="older has the lease"):
            ops.leases.acquire(KEY, owner="next", ttl=60)
