"""What is kept of an open table equals what the table itself says, whoever committed to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace

_OTHER = {"chain": "devnet", "block_range": "000000000100-000000000199"}
_NUMBERS = st.frozensets(st.integers(0, 12), min_size=1, max_size=5)
_ASKED: tuple[dict[str, str], ...] = (PARTITION, _OTHER, {"chain": "devnet"}, {})


def listed(tables: LakeTables, partition: dict[str, str]) -> list[dict[str, Any]]:
    """The live files, without the bounds that no file of the table or not this one has."""
    files = [
        {name: value for name, value in file.items() if value is not None}
        for file in tables.live_files(WITHDRAWALS, **partition)
    ]
    return sorted(files, key=lambda file: file["path"])


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.tuples(_NUMBERS, st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_the_files_kept_are_those_that_a_new_look_finds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[frozenset[int], bool, bool]]
) -> None:
    storage = Storage(str(tmp_path_factory.mktemp("lake")))
    ours, theirs = LakeTables(storage), LakeTables(storage)
    for numbers, by_us, in_other in steps:
        partition = _OTHER if in_other else PARTITION
        replace(ours if by_us else theirs, sorted(numbers), partition=partition)
        for asked in _ASKED:
            assert listed(ours, asked) == listed(LakeTables(storage), asked)
