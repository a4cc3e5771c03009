"""`chain-assets gaps` and `refresh`: what is wrong or old is seen, and mended when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest

from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets.lake.data_files import write_data_file
from chain_assets_tests.commands.desk import Desk, assert_fits, open_desk, words

_OLD = "0+old"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """All 25 blocks are there; the ranges 0 and 10 to 14 are final, so one is closed."""
    with open_desk(tmp_path, monkeypatch, capsys) as desk:
        assert desk("catch-up").code == 0
        yield desk


def _age(desk: Desk, *numbers: int) -> None:
    """As if an older decoder had made these blocks."""
    tables = desk.lab.tables()
    for start in (0, 10, 20):
        partition = {"chain": "node", "block_range": f"{start:012d}-{start + 9:012d}"}
        tables.mark_blocks(
            BLOCKS,
            partition=partition,
            numbers=set(numbers),
            column="decoder_version",
            text=_OLD,
        )


def _old(desk: Desk) -> list[int]:
    rows = desk.lab.tables().read(BLOCKS, columns=["number", "decoder_version"])
    old = rows.filter(pc.equal(rows["decoder_version"], _OLD))
    return sorted(old["number"].to_pylist())


def test_gaps_are_listed_and_mended(desk: Desk, tmp_path: Path) -> None:
    assert desk("gaps").out == "nothing is missing, doubled, orphaned, torn or stale\n"
    tables = desk.lab.tables()
    partition = {"chain": "node", "block_range": "000000000010-000000000019"}
    rows = tables.read(TRANSACTIONS, **partition)
    twice = write_data_file(tables.store, TRANSACTIONS, rows.slice(0, 1), partition=partition)
    assert twice is not None
    tables.replace_blocks(TRANSACTIONS, [twice], partition=partition, numbers=set())
    found = desk("gaps")
    assert found.code == 3
    assert_fits(found)
    assert "doubled decoded_transactions 000000000010-000000000019 10" in words(found.out)
    assert "partitions: 000000000010-000000000019" in found.out
    assert desk("gaps", "--blocks", "0-9").code == 0, "only where it is asked to look"
    mended = desk("gaps", "--apply")
    assert mended.code == 0
    assert "000000000010-000000000019 decoded: 1 block" in mended.out
    assert mended.out.rstrip().endswith("nothing is missing, doubled, orphaned, torn or stale")
    desk.assert_complete(tmp_path / "clean")


@pytest.mark.parametrize(
    "table", ["raw_blocks", "decoded_logs", "enriched_blocks", "block_changes"]
)
@pytest.mark.parametrize("share", [0, 2], ids=["empty", "cut off"])
def test_a_commit_that_was_cut_off_is_set_aside_and_its_rows_are_made_anew(
    desk: Desk, tmp_path: Path, table: str, share: int
) -> None:
    commit = max((desk.lab.lake / table / "_delta_log").glob("*.json"))
    commit.write_bytes(commit.read_bytes()[: share and commit.stat().st_size // share])
    if share:
        told = desk("gaps")
        assert told.code == 1
        assert "`chain-assets gaps --apply`" in told.error
    mended = desk("gaps", "--apply")
    assert mended.code == 0
    assert f"{table}: the commit {commit.name} was cut off, and is set aside" in words(mended.out)
    assert desk("gaps").code == 0
    # The newest commit of raw_blocks was a range of its own: that is behind, and no gap.
    assert desk("catch-up").code == 0
    desk.assert_complete(tmp_path / "clean")


def test_looking_at_a_lake_takes_no_node(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain_assets_tests.fault_lab._SECRET", "unused")
    nowhere = "http://127.0.0.1:9"
    for name in ("gaps", "refresh"):
        arguments = ("--chain", "node", "--engine", "local")
        assert desk.lab.call(name, *arguments, url=nowhere).code == 0


def test_a_lake_without_blocks_of_the_chain_is_no_lake_without_gaps(
    desk: Desk, tmp_path: Path
) -> None:
    for name in ("gaps", "refresh"):
        error = desk(name, lake=tmp_path / "other").error
        assert "there is no block of it in the lake" in error
    assert not (tmp_path / "other").exists()


def test_blocks_above_all_that_is_stored_are_not_said_to_be_whole(desk: Desk) -> None:
    for name in ("gaps", "refresh"):
        assert "--blocks: none of 40-60 is in the lake" in desk(name, "--blocks", "40-60").error
        assert desk(name, "--blocks", "22-60").code == 0


def test_old_rows_stay_until_a_refresh_and_closed_ranges_until_it_is_approved(
    desk: Desk, tmp_path: Path
) -> None:
    _age(desk, 3, 4, 12, 22)
    assert desk("run", "--blocks", "0-24").code == 0
    assert desk("catch-up").code == 0
    assert _old(desk) == [3, 4, 12, 22], "nobody has asked for it"
    refreshed = desk("refresh")
    assert "stale: 4 blocks in 3 ranges, 1 of them closed" in refreshed.out
    assert "a refresh of all blocks: 1 closed ranges, 000000000000-000000000009" in refreshed.error
    assert _old(desk) == [3, 4], "open ranges need no approval"
    asked = desk.approval("pending")
    assert desk("approvals", "reject", asked.id, "--why", "not now").code == 0
    assert f"(approval {asked.id}: rejected)" in desk("refresh").error
    assert desk("approvals", "approve", asked.id, "--why", "new decoder").code == 0
    assert desk("refresh").code == 0
    assert _old(desk) == []
    assert desk.approval("used").id == asked.id
    assert desk("refresh").out == "every row is of the present version\n"
    desk.assert_complete(tmp_path / "clean")


def test_a_refresh_of_some_blocks_leaves_the_other_ranges(desk: Desk) -> None:
    _age(desk, 12, 22)
    assert desk("refresh", "--blocks", "15").code == 0
    assert _old(desk) == [22]


def test_closed_ranges_that_come_on_top_are_asked_for_by_themselves(desk: Desk) -> None:
    _age(desk, 3)
    assert desk("refresh").error
    desk("approvals", "approve", desk.approval("pending").id, "--why", "new decoder")
    desk.lab.devnet.advance(10)
    assert desk("catch-up").code == 0
    _age(desk, 3, 12)
    outcome = desk("refresh")
    assert outcome.code == 3
    assert "1 closed ranges came on top" in outcome.out
    assert _old(desk) == [12]
    assert "000000000010-000000000019" in desk("refresh").error


def test_mending_rewrites_old_rows_of_closed_ranges_with_the_same_approval_only(
    desk: Desk, tmp_path: Path
) -> None:
    _age(desk, 3, 12)
    found = desk("gaps", "--apply")
    assert "a refresh of all blocks: 1 closed ranges" in found.error
    assert _old(desk) == [3]
    desk("approvals", "approve", desk.approval("pending").id, "--why", "new decoder")
    assert desk("gaps", "--apply").code == 0
    assert _old(desk) == []
    assert desk.approval("used")
    desk.assert_complete(tmp_path / "clean")
