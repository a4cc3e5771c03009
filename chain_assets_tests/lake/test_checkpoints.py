"""A damaged checkpoint of a table's log costs nothing while the commits before it are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chain_assets.core.errors import StorageFailed
from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace

_HINT = "_last_checkpoint"


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    for place in range(len(data) // 4, len(data) // 2):
        data[place] ^= 0xFF
    file.write_bytes(data)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _lose(file: Path) -> None:
    file.unlink()


def _filled(lake: Path, *, commits: int) -> LakeTables:
    tables = LakeTables(Storage(str(lake)))
    for number in range(commits):
        replace(tables, [number])
    return tables


def _log(lake: Path) -> Path:
    return lake / WITHDRAWALS.name / "_delta_log"


def _checkpoints(lake: Path) -> list[Path]:
    return sorted(_log(lake).glob("*.checkpoint.parquet"))


def _numbers(lake: Path) -> list[int]:
    tables = LakeTables(Storage(str(lake)))
    numbers = tables.read(WITHDRAWALS, columns=["block_number"], **PARTITION)["block_number"]
    return sorted(set(numbers.to_pylist()))


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _lose])
@pytest.mark.parametrize("commits", [25, 45])
def test_the_log_is_read_without_it(
    tmp_path: Path, damage: Callable[[Path], None], commits: int
) -> None:
    tables = _filled(tmp_path, commits=commits)
    damage(_checkpoints(tmp_path)[-1])
    assert _numbers(tmp_path) == list(range(commits))
    replace(LakeTables(Storage(str(tmp_path))), [commits])
    # A process that had the table open finds its way at its second try at the latest.
    try:
        replace(tables, [commits + 1])
    except StorageFailed:
        replace(tables, [commits + 1])
    for number in range(commits + 2, commits + 22):
        replace(tables, [number])
    assert _numbers(tmp_path) == list(range(commits + 22))
    assert _HINT in {file.name for file in _log(tmp_path).iterdir()}, "the next one is made"


def test_two_in_a_row_are_passed_over(tmp_path: Path) -> None:
    _filled(tmp_path, commits=65)
    for checkpoint in _checkpoints(tmp_path)[-2:]:
        _cut(checkpoint)
    assert _numbers(tmp_path) == list(range(65))


def test_where_commits_before_it_are_gone_nothing_is_touched(tmp_path: Path) -> None:
    _filled(tmp_path, commits=25)
    _cut(_checkpoints(tmp_path)[-1])
    (_log(tmp_path) / f"{3:020}.json").unlink()
    before = {file.name: file.read_bytes() for file in _log(tmp_path).iterdir()}
    with pytest.raises(StorageFailed, match="move the folders of all tables of its layer away"):
        _numbers(tmp_path)
    assert {file.name: file.read_bytes() for file in _log(tmp_path).iterdir()} == before


def test_a_commit_that_is_cut_off_is_told_and_nothing_is_touched(tmp_path: Path) -> None:
    _filled(tmp_path, commits=3)
    _cut(sorted(_log(tmp_path).glob("*.json"))[-1])
    with pytest.raises(StorageFailed, match="Truncated record") as told:
        _numbers(tmp_path)
    assert "<unknown>" not in str(told.value)
    assert str(told.value).endswith("and run its ranges again")
