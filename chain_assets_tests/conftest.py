"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chain_assets_tests.tools import missing_tool


@pytest.fixture(scope="session")
def real_blocks() -> Path:
    """The folder of real blocks, laid out as `<chain>/blocks/<number>-<hash8>.json.gz`."""
    folder = os.environ.get("CHAIN_ASSETS_REAL_BLOCKS")
    if folder and Path(folder).is_dir():
        return Path(folder)
    missing_tool("a folder of real blocks", "CHAIN_ASSETS_REAL_BLOCKS does not name one")
