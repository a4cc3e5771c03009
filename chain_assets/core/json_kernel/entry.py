"""The kernel as Python calls it: compiled once a machine, kept in numba's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from chain_assets.core.json_kernel.kernel import read_payloads
from chain_assets.core.json_kernel.layout import SLOTS
from chain_assets.core.json_kernel.simd import cached


def run_kernel(work: int, payloads: int, count: int) -> None:
    """kernel.read_payloads. The first call of a process loads it, or compiles it (seconds)."""
    _kernel_of(_fingerprint())(work, payloads, count)


@cache
def _kernel_of(fingerprint: int) -> Callable[[int, int, int], None]:
    def kernel(work: int, payloads: int, count: int) -> None:
        # numba looks only at the file of this function to see whether what it kept is still of the
        # same code. A value that it closes over is compared too: so it closes over all the rest.
        if fingerprint != 0:
            read_payloads(work, payloads, count)

    return cached(kernel)


@cache
def _fingerprint() -> int:
    """A digest of all that goes into the compiled code: these files and the slots."""
    digest = hashlib.sha256(repr(SLOTS).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return int.from_bytes(digest.digest()[:7])
