"""The desk of most commands' tests; some bring one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets_tests.commands.desk import Desk, open_desk


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A desk before which nobody has typed anything yet."""
    with open_desk(tmp_path, monkeypatch, capsys) as opened:
        yield opened
