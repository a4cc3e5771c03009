"""The digest of reference rows: the same for the same rows, and for no others."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain_assets.core.enrich import ReferenceTables, reference_digest
from chain_assets_tests.core.enrich_rows import ALICE, BOB, Row, label, price, reference, token

LABELS = st.lists(
    st.builds(
        label,
        st.sampled_from([ALICE, BOB]),
        st.sampled_from(["a", "ab", "b"]),
        source=st.sampled_from(["", "b", "bb"]),
        as_of=st.none() | st.integers(0, 1),
    ),
    max_size=5,
)


@given(rows=LABELS, other=LABELS, seed=st.integers())
def test_a_digest_is_that_of_the_rows_in_any_order(
    rows: list[Row], other: list[Row], seed: int
) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    digest = reference_digest(reference(labels=rows))
    assert reference_digest(reference(labels=shuffled)) == digest
    same = sorted(map(repr, other)) == sorted(map(repr, rows))
    assert (reference_digest(reference(labels=other)) == digest) == same


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(reference(prices=[price(None, 1, 2.0)]), id="another price"),
        pytest.param(reference(prices=[price(None, 2, 1.0)]), id="another time"),
        pytest.param(reference(prices=[price(ALICE, 1, 1.0)]), id="another token"),
        pytest.param(reference(prices=[price(None, 1, 1.0, as_of=0)]), id="as_of"),
        pytest.param(
            reference(prices=[price(None, 1, 1.0)], tokens=[token(ALICE, 6)]), id="a token more"
        ),
        pytest.param(reference(), id="nothing"),
    ],
)
def test_whatever_changes_in_the_rows_changes_the_digest(changed: ReferenceTables) -> None:
    known = reference(prices=[price(None, 1, 1.0)])
    assert reference_digest(changed) != reference_digest(known)


def test_a_digest_does_not_depend_on_the_layout_in_memory() -> None:
    labels = [label(bytes([i]) * 20, f"label {i}") for i in range(9)]
    known = reference(labels=labels)
    pieces = pa.concat_tables([known.labels.slice(5), known.labels.slice(0, 5)])
    chunked = ReferenceTables(labels=pieces, tokens=known.tokens, prices=known.prices)
    assert reference_digest(chunked) == reference_digest(known)
