"""Amounts in whole tokens are exact or NULL."""

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
