"""A bucket that fails: what was refused is tried again, what was done though its answer was lost is
taken as done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chain_assets.core.schemas.decoded import WITHDRAWALS
from chain_assets.lake.merging import merge_files
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.lake.faulty_bucket import Fault, FaultKind, FaultyBucket, faulty_bucket
from chain_assets_tests.lake.withdrawal_rows import PARTITION, replace, stored

COMMITS = r"_delta_log/0*[1-9][0-9]*\.json$"


@pytest.fixture
def bucket() -> Iterator[FaultyBucket]:
    with faulty_bucket() as opened:
        yield opened


@pytest.mark.parametrize("kind", ["lost", "cut"])
def test_a_commit_whose_answer_was_lost_is_no_conflict(
    bucket: FaultyBucket, kind: FaultKind
) -> None:
    tables = LakeTables(bucket.storage)
    replace(tables, range(3), value=1)
    for numbers, remove in (([1], []), ([], [2])):
        bucket.faults.append(Fault("PUT", COMMITS, kind))
        replace(tables, numbers, value=2, remove=remove)
    assert len(bucket.struck) == 2
    assert stored(LakeTables(bucket.storage), **PARTITION) == {0: 1, 1: 2}
    replace(tables, [5], value=3)
    assert stored(tables, **PARTITION) == {0: 1, 1: 2, 5: 3}


@pytest.mark.parametrize("kind", ["refused", "lost", "cut"])
def test_a_store_is_not_taken_for_one_without_conditional_puts(
    bucket: FaultyBucket, kind: FaultKind
) -> None:
    bucket.faults.append(Fault("PUT", "_probe", kind))
    replace(LakeTables(bucket.storage), [1])
    assert bucket.struck


def test_a_merge_whose_answer_was_lost_is_done(bucket: FaultyBucket) -> None:
    tables = LakeTables(bucket.storage)
    for number in (1, 2):
        replace(tables, [number])
    files = tables.live_files(WITHDRAWALS, **PARTITION)
    bucket.faults.append(Fault("PUT", COMMITS, "lost"))
    assert merge_files(tables, WITHDRAWALS, [file["path"] for file in files], partition=PARTITION)
    assert len(tables.live_files(WITHDRAWALS, **PARTITION)) == 1
    assert stored(tables, **PARTITION) == {1: 0, 2: 0}
