"""Files become one: its rows are in the order of their key, whatever order the files came in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.merging import merge_files
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, rows_of


@settings(max_examples=25, deadline=None)
@given(
    files=st.permutations(range(12)).flatmap(
        lambda numbers: st.lists(st.integers(1, 11), min_size=1, max_size=5, unique=True).map(
            lambda cuts: [
                numbers[start:stop]
                for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 12], strict=True)
            ]
        )
    )
)
def test_one_file_has_all_rows_in_order(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]]
) -> None:
    tables = LakeTables(Storage(str(tmp_path_factory.mktemp("lake"))))
    for numbers in files:
        replace(tables, sorted(numbers))
    paths = {file["path"] for file in tables.live_files(WITHDRAWALS, **PARTITION)}
    assert len(paths) == len(files)
    assert merge_files(tables, WITHDRAWALS, paths, partition=PARTITION)
    live = tables.live_files(WITHDRAWALS, **PARTITION)
    assert len(live) == 1
    merged = tables.read_files(WITHDRAWALS, live, WITHDRAWALS.file_schema.names)
    assert merged.equals(rows_of(range(12)))
