"""Fees in wei are exact, or NULL where they are unknown or no column holds them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets_tests.core.enrich_rows import (
    TOKEN,
    Row,
    block,
    decoded,
    enriched,
    price,
    reference,
    transaction,
)

NOTHING = reference()


ISTHMUS = bytes(9)
JOVIAN = b"\x01" + bytes(16)


@pytest.mark.parametrize(
    ("extra", "values", "fee"),
    [
        pytest.param(ISTHMUS, {}, 42_000 + 2_100 + 7, id="Isthmus: a millionth"),
        pytest.param(ISTHMUS, {"gas_used": 9}, 18 + 0 + 7, id="Isthmus: rounded down"),
        pytest.param(JOVIAN, {}, 42_000 + 21_000 * 100_000 * 100 + 7, id="Jovian: a hundredfold"),
        pytest.param(ISTHMUS, {"operator_fee_scalar": None}, 42_007, id="only the constant"),
        pytest.param(
            JOVIAN, {"operator_fee_constant": None}, 210_000_042_000, id="only the scalar"
        ),
        pytest.param(JOVIAN, {"l1_fee": 5}, 210_000_042_012, id="beside the layer-1 fee"),
        pytest.param(JOVIAN, {"type": 0x7E}, 0, id="not of a deposit"),
        pytest.param(JOVIAN, {"gas_used": None}, None, id="no receipt"),
        pytest.param(JOVIAN, {"gas_price": None}, None, id="no price"),
        pytest.param(JOVIAN, {"operator_fee_constant": 10**38 - 1}, None, id="beyond 38 digits"),
        pytest.param(
            JOVIAN[:9], {}, 42_000 + 2_100 + 7, id="as short as Isthmus, whatever its version"
        ),
        pytest.param(None, {}, 42_000 + 2_100 + 7, id="extra data that nobody supplied"),
        pytest.param(
            JOVIAN,
            {"operator_fee_scalar": 0, "operator_fee_constant": 0},
            42_000,
            id="no such fee is asked for",
        ),
    ],
)
def test_an_operator_of_the_op_stack_is_paid_too(
    extra: bytes | None, values: Row, fee: int | None
) -> None:
    asked = {"operator_fee_scalar": 100_000, "operator_fee_constant": 7, **values}
    # Beside a block of another fork, and transactions that owe nothing.
    rows = decoded(
        [block(1, extra_data=JOVIAN), block(2, extra_data=extra)],
        transactions=[transaction(1), transaction(2, 0), transaction(2, 1, **asked)],
    )
    found = [row["fee"] for row in enriched(rows, NOTHING)["enriched_transactions"]]
    assert found == [42_000, 42_000, fee]


def fee_of(**values: Any) -> int | None:
    rows = decoded([block(1)], transactions=[transaction(1, **values)])
    fee = enriched(rows, NOTHING)["enriched_transactions"][0]["fee"]
    return None if fee is None else int(fee)


@pytest.mark.parametrize(
    ("values", "fee"),
    [
        pytest.param({"gas_used": 5, "gas_price": 7}, 35, id="gas_price without an effective one"),
        pytest.param({"gas_used": 5, "effective_gas_price": 3}, 15, id="the effective one first"),
        pytest.param({"gas_used": None}, None, id="no receipt"),
        pytest.param({"gas_price": None}, None, id="no price is said"),
        pytest.param({"type": 0x6A, "gas_price": None}, 0, id="internal, no price"),
        pytest.param({"gas_used": 0, "gas_price": 0}, 0, id="Bor state sync"),
        pytest.param(
            {"type": 0x7E, "effective_gas_price": 9, "l1_fee": 9}, 0, id="an OP Stack deposit"
        ),
        pytest.param({"type": 0x7E, "gas_used": None}, None, id="a deposit without receipt"),
        pytest.param({"gas_used": 5, "l1_fee": 100}, 110, id="with the layer-1 fee"),
        pytest.param(
            {"type": 3, "gas_used": 5, "blob_gas_used": 131_072, "blob_gas_price": 2},
            10 + 262_144,
            id="with blobs",
        ),
        pytest.param({"type": 3, "gas_used": 5}, None, id="blobs at a price unsaid"),
        pytest.param(
            {"type": 2, "gas_used": 5, "blob_gas_used": 131_072},
            10,
            id="blob figures that an L2 puts on other types",
        ),
        pytest.param(
            {"gas_used": 2**63 - 1, "gas_price": 10**19},
            (2**63 - 1) * 10**19,
            id="beyond 64 bits",
        ),
    ],
)
def test_what_a_transaction_pays(values: Row, fee: int | None) -> None:
    assert fee_of(**values) == fee


@pytest.mark.parametrize("decimals", [0, 18, 38])
def test_usd_is_computed_for_every_number_of_decimals_that_a_chain_may_have(decimals: int) -> None:
    rows = decoded([block(1)], transactions=[transaction(1, gas_used=5, gas_price=3)])
    known = reference(prices=[price(None, 0, 2.0)])
    tables = enriched(rows, known, native_decimals=decimals)
    (row,) = tables["enriched_transactions"]
    assert row["fee_usd"] == pytest.approx(30 / 10**decimals)


LARGE = {"gas_used": 2**63 - 1, "gas_price": 10**37, "effective_gas_price": 10**37}


@pytest.mark.parametrize(
    ("gas_price", "fee"),
    [
        pytest.param(10**38 - 1, 10**38 - 1, id="38 digits"),
        pytest.param(5 * 10**37, None, id="39 digits"),
    ],
)
def test_a_fee_that_no_column_holds_is_null_and_stops_no_block(
    gas_price: int, fee: int | None
) -> None:
    rows = [
        transaction(1, 0, gas_price=gas_price, gas_used=1 if fee else 2),
        transaction(1, 1, gas_price=3, gas_used=5),
    ]
    tables = enriched(decoded([block(1)], transactions=rows), NOTHING)
    assert [row["fee"] for row in tables["enriched_transactions"]] == [fee, 15]
    assert [row["fee_usd"] for row in tables["enriched_transactions"]] == [None, None]


def test_sums_of_a_block_that_no_column_holds_are_null() -> None:
    rows = [transaction(1, **LARGE), transaction(2, gas_used=5, gas_price=3)]
    blocks = [
        block(1, gas_used=2**63 - 1, base_fee_per_gas=10**36),
        block(2, gas_used=5, base_fee_per_gas=1),
    ]
    tables = enriched(decoded(blocks, transactions=rows), NOTHING)
    sums = [(r["burned_wei"], r["priority_fees_wei"]) for r in tables["enriched_blocks"]]
    assert sums == [(None, None), (5, 10)]


def test_gas_that_was_paid_in_a_token_is_no_fee_in_wei() -> None:
    rows = [
        transaction(1, 0, type=0x7B, effective_gas_price=7, fee_currency=TOKEN),
        transaction(1, 1, type=0x7B, effective_gas_price=7, gas_used=3),
        transaction(2, 0, gas_used=3, gas_price=7),
    ]
    tables = enriched(decoded([block(1), block(2)], transactions=rows), NOTHING)
    assert [row["fee"] for row in tables["enriched_transactions"]] == [None, 21, 21]
    # A part is not the sum.
    assert [row["priority_fees_wei"] for row in tables["enriched_blocks"]] == [None, 21]


@pytest.mark.parametrize(
    ("blocks", "rows", "burned", "priority"),
    [
        pytest.param(
            block(1, gas_used=30, base_fee_per_gas=10),
            [
                transaction(1, 0, gas_used=20, gas_price=13),
                transaction(1, 1, gas_used=10, effective_gas_price=10, gas_price=99),
            ],
            300,
            60,
            id="after London",
        ),
        pytest.param(
            block(1, gas_used=20), [transaction(1, gas_used=20)], None, 40, id="before London"
        ),
        pytest.param(block(1, base_fee_per_gas=10), [], 0, 0, id="no transactions"),
        pytest.param(
            block(1, log_count=None, gas_used=7, base_fee_per_gas=10),
            [transaction(1, gas_used=None)],
            70,
            None,
            id="no receipts",
        ),
        pytest.param(
            block(1, log_count=None, base_fee_per_gas=10), [], 0, None, id="no receipts, empty"
        ),
        pytest.param(
            block(1, base_fee_per_gas=10),
            [transaction(1, 0, gas_price=50), transaction(1, 1, gas_price=None)],
            0,
            None,
            id="one price unsaid: a part is not the sum",
        ),
        pytest.param(
            block(1, gas_used=20, base_fee_per_gas=10),
            [transaction(1, 0, type=0x7E, effective_gas_price=99), transaction(1, 1, gas_price=5)],
            200,
            0,
            id="a deposit, and a price below the base fee: nothing, and nothing negative",
        ),
    ],
)
def test_what_a_block_burns_and_its_miner_gets(
    blocks: Row, rows: list[Row], burned: int | None, priority: int | None
) -> None:
    (row,) = enriched(decoded([blocks], transactions=rows), NOTHING)["enriched_blocks"]
    assert (row["burned_wei"], row["priority_fees_wei"]) == (burned, priority)


@given(
    fees=st.lists(
        st.tuples(st.sampled_from([3, 5, 8]), st.integers(0, 2**40), st.integers(0, 2**70)),
        max_size=12,
    ),
    base=st.integers(0, 2**69),
)
def test_priority_fees_are_sums_of_pythons_integers(
    fees: list[tuple[int, int, int]], base: int
) -> None:
    blocks = [block(number, base_fee_per_gas=base) for number in (8, 3, 5)]
    rows = [
        transaction(number, index, gas_used=gas, gas_price=price)
        for index, (number, gas, price) in enumerate(fees)
    ]
    tables = enriched(decoded(blocks, transactions=rows), NOTHING)
    for row in tables["enriched_blocks"]:
        paid = [(g, p) for number, g, p in fees if number == row["number"]]
        assert row["priority_fees_wei"] == sum(g * max(0, p - base) for g, p in paid)
    assert [row["fee"] for row in tables["enriched_transactions"]] == [g * p for _, g, p in fees]
