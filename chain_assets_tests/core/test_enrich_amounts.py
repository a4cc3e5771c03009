"""Amounts in whole tokens are exact or NULL, and fees in wei are exact."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
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
    token,
    transaction,
    transfer,
)

NOTHING = reference()
UINT256_MAX = 2**256 - 1


def amount_of(value: int, decimals: int, **known: Any) -> Row:
    rows = decoded([block(1)], transfers=[transfer(1, value)])
    known_rows = reference(tokens=[token(TOKEN, decimals)], **known)
    return enriched(rows, known_rows)["enriched_token_transfers"][0]


@pytest.mark.parametrize(
    ("value", "decimals", "amount"),
    [
        pytest.param(0, 18, "0", id="nothing"),
        pytest.param(1, 18, "0.000000000000000001", id="the smallest unit"),
        pytest.param(1_234_567, 6, "1.234567", id="six decimals"),
        pytest.param(42, 0, "42", id="no decimals"),
        pytest.param(10**38 - 1, 18, "99999999999999999999.999999999999999999", id="the largest"),
        pytest.param(10**38, 18, None, id="one unit more than fits"),
        pytest.param(10**20 - 1, 0, "99999999999999999999", id="the largest without decimals"),
        pytest.param(10**20, 0, None, id="one more without decimals"),
        pytest.param(15 * 10**6, 24, "0.000000000000000015", id="24 decimals, no digit lost"),
        pytest.param(15 * 10**6 + 1, 24, None, id="24 decimals, a digit would be lost"),
        pytest.param(10**43, 24, "10000000000000000000", id="44 digits that fit"),
        pytest.param(10**44, 24, None, id="45 digits that do not"),
        pytest.param(0, 255, "0", id="nothing at the most decimals"),
        pytest.param(UINT256_MAX, 18, None, id="unlimited"),
        pytest.param(UINT256_MAX, 255, None, id="unlimited at the most decimals"),
    ],
)
def test_an_amount_is_the_value_shifted_or_null(
    value: int, decimals: int, amount: str | None
) -> None:
    expected = None if amount is None else Decimal(amount)
    assert amount_of(value, decimals)["amount"] == expected


@given(
    moves=st.lists(
        st.tuples(
            st.one_of(
                st.integers(0, UINT256_MAX),
                st.builds(lambda m, e: m * 10**e, st.integers(0, 10**9), st.integers(0, 60)),
                st.builds(lambda e, d: max(0, 10**e + d), st.integers(0, 60), st.integers(-1, 1)),
            ),
            st.integers(0, 60) | st.integers(0, 255),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_amounts_are_those_of_fractions(moves: list[tuple[int, int]]) -> None:
    addresses = [bytes([10 + i]) * 20 for i in range(len(moves))]
    tokens = [token(a, decimals) for a, (_, decimals) in zip(addresses, moves, strict=True)]
    rows = [
        transfer(1, value, token_address=a) for a, (value, _) in zip(addresses, moves, strict=True)
    ]
    tables = enriched(decoded([block(1)], transfers=rows), reference(tokens=tokens))
    for row, (value, decimals) in zip(tables["enriched_token_transfers"], moves, strict=True):
        exact = Fraction(value, 10**decimals)
        fits = (exact * 10**18).denominator == 1 and exact < 10**20
        assert row["amount"] is None or Fraction(row["amount"]) == exact
        assert (row["amount"] is not None) == fits


@given(
    value=st.integers(0, 10**38 - 1),
    usd=st.floats(0, 1e9, allow_nan=False, allow_subnormal=False),
)
def test_amount_usd_is_amount_times_price_to_the_precision_of_a_double(
    value: int, usd: float
) -> None:
    row = amount_of(value, 18, prices=[price(TOKEN, 0, usd)])
    exact = float(Fraction(value, 10**18) * Fraction(usd))
    assert row["amount_usd"] == pytest.approx(exact, rel=1e-14, abs=1e-300)


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


def test_a_fee_that_no_chain_can_have_is_refused_with_its_block() -> None:
    with pytest.raises(ValueError, match="fee of block 1 has more than 38 digits"):
        fee_of(gas_used=2**63 - 1, gas_price=10**37)


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
