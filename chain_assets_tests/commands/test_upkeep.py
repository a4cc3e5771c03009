"""`chain-assets upkeep`: fewer files, the same rows, and an exit code that says what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.ops.leases import LeaseKey
from chain_assets_tests.commands.desk import Desk, open_desk
from chain_assets_tests.lake_fixtures import assert_same, contents

_RANGE = "000000000000-000000000009"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """25 blocks that came by fives; the first range is final."""
    with open_desk(tmp_path, monkeypatch, capsys) as desk:
        for first in range(0, 25, 5):
            assert desk("run", "--blocks", f"{first}-{first + 4}").code == 0
        yield desk


def test_it_merges_and_tidies_and_says_how_much(desk: Desk) -> None:
    tables = desk.lab.tables()
    before = contents(tables)
    partition = {"chain": "node", "block_range": _RANGE}
    assert len(tables.live_files(TRANSACTIONS, **partition)) == 2
    first = desk("upkeep", "--chain", "node", "--merges", "3", "--only", "compact")
    assert first.code == 3
    assert "files of" in first.out
    assert "became 3, in 1 range" in first.out
    assert "merges are left: run it again" in first.out
    assert "tidied" not in first.out
    rest = desk("upkeep", "--chain", "node")
    assert rest.code == 0
    assert "tidied: 0 files of 0 bytes" in rest.out, "all is younger than a week"
    assert len(tables.live_files(TRANSACTIONS, **partition)) == 1
    assert_same(contents(desk.lab.tables()), before)


def test_what_others_are_at_is_left_to_them(desk: Desk) -> None:
    with (
        desk.ops() as ops,
        ops.held(LeaseKey("node", _RANGE, "enriched"), owner="a run"),
        ops.held(LeaseKey("*", "lake", "tidy"), owner="another"),
    ):
        outcome = desk("upkeep", "--chain", "node")
    assert outcome.code == 3
    assert "merges were left to whoever writes those ranges" in outcome.out
    assert "not tidied: *: another has the lease" in outcome.out
    assert desk("upkeep", "--chain", "node").code == 0


def test_a_lake_without_blocks_of_the_chain_is_an_error(desk: Desk, tmp_path: Path) -> None:
    outcome = desk("upkeep", "--chain", "node", lake=tmp_path / "other")
    assert "there is no block of it in the lake" in outcome.error
