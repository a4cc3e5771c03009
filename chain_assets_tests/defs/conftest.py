"""Fixtures of the Dagster tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets_tests.defs.lab import Lab, open_lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A deployment of one chain of 25 blocks, ranges of 10."""
    with open_lab(tmp_path, monkeypatch) as opened:
        yield opened
