"""What numba keeps is of the sources as they are, also where they call each other across files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chain_assets.core.warm_up import forget_older

_PROGRAM = """
import sys
from pathlib import Path
from chain_assets.core.warm_up import forget_older
folder = Path(sys.argv[1])
if "--as-it-is" not in sys.argv:
    forget_older(folder)
sys.path.insert(0, str(folder))
from outer import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""
_OUTER = "from numba import njit\nfrom inner import inner\n@njit(cache=True)\ndef outer(x):\n"
_INNER = "from numba import njit\n@njit(cache=True)\ndef inner(x):\n    return x + {}\n"


def called(folder: Path, *arguments: str) -> tuple[int, int]:
    """What the kernel gives in a new process, and how often it came from the cache."""
    command = [sys.executable, "-c", _PROGRAM, str(folder), *arguments]
    result, hits = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    return int(result), int(hits)


def test_a_kernel_is_compiled_anew_when_what_it_calls_has_changed(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(f"{_OUTER}    return inner(x)\n")
    (tmp_path / "inner.py").write_text(_INNER.format(10))
    assert called(tmp_path) == (11, 0)
    assert called(tmp_path) == (11, 1)
    (tmp_path / "inner.py").write_text(_INNER.format(200))
    assert called(tmp_path, "--as-it-is") == (11, 1), "numba does it by itself now: away with ours"
    assert called(tmp_path) == (201, 0)
    assert called(tmp_path) == (201, 1)


def test_a_folder_that_cannot_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("no folder")
    forget_older(tmp_path)
    assert (tmp_path / "__pycache__").read_text() == "no folder"
