"""The end of a process, for tests in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chain_assets.core import fault_points


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


@contextmanager
def killed_at(name: str, part: str = "", *, visit: int = 1) -> Iterator[None]:
    """What runs within it ends at this fault point."""
    left = visit

    def hook(point: str, its_part: str) -> None:
        nonlocal left
        if (point, its_part) == (name, part):
            left -= 1
            if not left:
                raise Killed

    fault_points.arm(hook)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        fault_points.arm(None)
