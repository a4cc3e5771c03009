"""Prices as of a block: the newest that is not after it, unless it is too old."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets_tests.core.enrich_rows import (
    OTHER_TOKEN,
    TOKEN,
    Row,
    block,
    decoded,
    enriched,
    price,
    reference,
    second,
    transfer,
)


@pytest.mark.parametrize(
    ("times", "found"),
    [
        pytest.param([], None, id="no price"),
        pytest.param([100], 100, id="at the block's very second"),
        pytest.param([100.000001], None, id="a microsecond after it"),
        pytest.param([50, 99, 101], 99, id="the newest before it"),
        pytest.param([90], 90, id="just not too old"),
        pytest.param([89.999999], None, id="a microsecond too old"),
    ],
)
def test_the_price_of_block_100_with_a_maximal_age_of_10_seconds(
    times: list[float], found: float | None
) -> None:
    known = reference(prices=[price(None, at, 1 + at) for at in times])
    (row,) = enriched(decoded([block(100)]), known, max_price_age=10)["enriched_blocks"]
    assert row["price_at"] == (None if found is None else second(found))
    assert row["native_price_usd"] == (None if found is None else 1 + found)


def test_a_token_without_prices_does_not_get_its_neighbours() -> None:
    known = reference(prices=[price(TOKEN, 0, 1.0), price(bytes([9]) * 20, 0, 2.0)])
    rows = decoded([block(1)], transfers=[transfer(1, token_address=OTHER_TOKEN)])
    assert enriched(rows, known)["enriched_token_transfers"][0]["price_usd"] is None


def test_of_two_prices_at_one_time_the_same_one_counts_in_any_order() -> None:
    prices = [
        price(None, 1, 30.0, source="a", as_of=9),
        price(None, 1, 10.0, source="b", as_of=9),
        price(None, 1, 20.0, source="c"),
    ]
    for order in (prices, prices[::-1]):
        (row,) = enriched(decoded([block(2)]), reference(prices=order))["enriched_blocks"]
        assert (row["native_price_usd"], row["price_source"]) == (10.0, "b")


PRICES = st.lists(
    st.builds(
        price,
        st.sampled_from([None, TOKEN, OTHER_TOKEN]),
        st.integers(0, 30),
        st.integers(1, 5).map(float),
        source=st.sampled_from("ab"),
        as_of=st.none() | st.integers(0, 2),
    ),
    max_size=25,
)


@given(
    prices=PRICES,
    seconds=st.lists(st.integers(0, 35), min_size=1, max_size=8, unique=True),
    max_age=st.integers(0, 20),
)
def test_prices_are_those_of_a_slow_loop_and_never_from_after_the_block(
    prices: list[Row], seconds: list[int], max_age: int
) -> None:
    moved = [transfer(at, token_address=token) for at in seconds for token in (TOKEN, OTHER_TOKEN)]
    rows = decoded([block(at) for at in seconds], transfers=moved)
    tables = enriched(rows, reference(prices=prices), max_price_age=max_age)
    for row in tables["enriched_token_transfers"]:
        expected = _slow(prices, row["token_address"], row["block_number"], max_age)
        assert (row["price_usd"], row["price_source"], row["price_at"]) == expected
        assert row["price_at"] is None or row["price_at"] <= row["block_timestamp"]
    for row in tables["enriched_blocks"]:
        expected = _slow(prices, None, row["number"], max_age)
        assert (row["native_price_usd"], row["price_source"], row["price_at"]) == expected


def _slow(prices: list[Row], token: bytes | None, at: int, max_age: int) -> tuple[Any, Any, Any]:
    best: Row | None = None
    for row in prices:
        if row["token_address"] != token or row["price_at"] > second(at):
            continue
        if best is None or _rank(row) > _rank(best):
            best = row
    if best is None or (second(at) - best["price_at"]).total_seconds() > max_age:
        return None, None, None
    return best["price_usd"], best["source"], best["price_at"]


def _rank(row: Row) -> tuple[Any, ...]:
    return row["price_at"], row["as_of"] or second(-1), row["source"], row["price_usd"]
