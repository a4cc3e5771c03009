"""The audits: what is wrong with the rows of a range."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.quality import (
    Violation,
    counts,
    duplicates,
    gaps,
    gas_used,
    parent_links,
)
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS
from chain_assets_tests.slow_route.real_blocks import chains_of, read_chain

HASHES = [bytes([n]) * 32 for n in range(12)]


def chain_of(*numbers: int) -> pa.Table:
    """Linked blocks of these numbers."""
    rows = [{"number": n, "hash": HASHES[n], "parent_hash": HASHES[n - 1]} for n in numbers]
    fields = [("number", pa.int64()), ("hash", pa.binary()), ("parent_hash", pa.binary())]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


@pytest.mark.parametrize(
    ("numbers", "before", "wrong"),
    [
        pytest.param([3, 4, 5], HASHES[2], [], id="linked, also to the range before"),
        pytest.param([5, 3, 4], HASHES[2], [], id="in any order"),
        pytest.param([3, 4, 5], None, [], id="the range before is not stored"),
        pytest.param([3, 4, 5], HASHES[9], [3], id="another fork than the range before"),
        pytest.param([3, 5], HASHES[2], [], id="a gap is no broken link"),
        pytest.param([], HASHES[2], [], id="nothing"),
    ],
)
def test_a_link_is_broken_where_a_parent_is_not_the_block_before(
    numbers: list[int], before: bytes | None, wrong: list[int]
) -> None:
    found = parent_links(BLOCKS, chain_of(*numbers), before=before)
    assert [violation.block for violation in found] == wrong


@given(replaced=st.integers(2, 8))
def test_a_block_of_another_fork_breaks_the_link_above_it(replaced: int) -> None:
    rows = chain_of(*range(1, 10)).to_pylist()
    rows[replaced - 1]["hash"] = HASHES[11]
    found = parent_links(BLOCKS, pa.Table.from_pylist(rows, schema=chain_of().schema), before=None)
    assert [violation.block for violation in found] == [replaced + 1]
    assert f"block {replaced} is 0x{HASHES[11].hex()}" in found[0].what


@given(held=st.sets(st.integers(0, 30)), expected=st.sets(st.integers(0, 30)))
def test_what_is_missing_and_what_is_too_much_are_named(held: set[int], expected: set[int]) -> None:
    found = gaps(BLOCKS, held, expected=expected)
    assert {v.block for v in found if v.what == "is missing"} == expected - held
    assert {v.block for v in found if v.what != "is missing"} == held - expected


@given(keys=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30))
def test_keys_that_stand_more_than_once_are_found(keys: list[tuple[int, int]]) -> None:
    rows = pa.table(
        {
            "block_number": pa.array([n for n, _ in keys], pa.int64()),
            "log_index": pa.array([i for _, i in keys], pa.int64()),
        }
    )
    twice = Counter(n for (n, _), times in Counter(keys).items() if times > 1)
    assert Counter(v.block for v in duplicates(LOGS, rows)) == twice


def test_counts_differ_where_rows_are_lost_or_too_many() -> None:
    numbers = pa.chunked_array([[1, 1, 2, 4]])
    assert counts(LOGS, numbers, said={1: 2, 2: 2, 3: 1, 4: 0}) == [
        Violation("decoded_logs", 2, "1 rows, not 2"),
        Violation("decoded_logs", 3, "0 rows, not 1"),
        Violation("decoded_logs", 4, "1 rows, not 0"),
    ]


def receipts(*rows: tuple[int, int | None, int | None]) -> pa.Table:
    names = ("block_number", "gas_used", "cumulative_gas_used")
    return pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows],
        schema=pa.schema([(name, pa.int64()) for name in names]),
    )


@pytest.mark.parametrize(
    ("rows", "said", "wrong"),
    [
        pytest.param([(1, 5, 5), (1, 7, 12)], {1: 12}, [], id="as the header says"),
        pytest.param([(1, 5, 5), (1, 7, 12)], {1: 13}, [1], id="another header"),
        pytest.param([(1, 5, 5), (1, 6, 12)], {1: 12}, [1], id="the sum is another"),
        pytest.param([(1, 7, 12)], {1: 12}, [1], id="a receipt is lost"),
        pytest.param([(1, None, None)], {1: 12}, [], id="no receipts"),
        pytest.param([(1, 12, 12), (1, 0, 0)], {1: 12}, [], id="Bor's state-sync transaction"),
        pytest.param([], {1: 0}, [], id="an empty block"),
    ],
)
def test_the_gas_of_the_receipts_is_that_of_the_header(
    rows: list[tuple[int, int | None, int | None]], said: dict[int, int], wrong: list[int]
) -> None:
    found = gas_used(TRANSACTIONS, receipts(*rows), said=said)
    assert [violation.block for violation in found] == wrong


def test_the_gas_rule_holds_on_every_real_block_of_every_chain(real_blocks: Path) -> None:
    checked = 0
    for block in (b for chain in chains_of(real_blocks) for b in read_chain(real_blocks, chain)):
        rows = [
            (block.number, int(r["gasUsed"], 16), int(r["cumulativeGasUsed"], 16))
            for r in block.document["receipts"] or ()
        ]
        said = {block.number: int(block.document["block"]["gasUsed"], 16)}
        assert gas_used(TRANSACTIONS, receipts(*rows), said=said) == [], block.path.name
        checked += bool(rows)
    assert checked > 50
