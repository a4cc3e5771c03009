"""Enrichment as a whole: what is joined, what stays NULL, what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chain_assets.core.enrich import DecodedRows, enrich
from chain_assets.core.schemas import ENRICHED_TABLES
from chain_assets_tests.core.enrich_rows import (
    ALICE,
    BOB,
    TOKEN,
    Row,
    block,
    call,
    decoded,
    enriched,
    label,
    price,
    reference,
    second,
    token,
    transaction,
    transfer,
)

NOTHING = reference()


def test_tables_have_exactly_the_columns_of_their_contracts_also_without_a_row() -> None:
    tables = enrich(decoded([]), NOTHING, native_decimals=18, max_price_age=1)
    assert list(tables) == [table.name for table in ENRICHED_TABLES]
    for table in ENRICHED_TABLES:
        assert tables[table.name].schema == table.file_schema
        assert len(tables[table.name]) == 0


def test_a_transfer_gets_labels_metadata_amount_and_the_price_as_of_its_block() -> None:
    known = reference(
        labels=[label(ALICE, "Alice")],
        tokens=[token(TOKEN, 6, "USDX")],
        prices=[price(TOKEN, 90, 0.5, source="oracle"), price(TOKEN, 101, 9.0)],
    )
    tables = enriched(decoded([block(100)], transfers=[transfer(100, 2_500_000)]), known)
    (row,) = tables["enriched_token_transfers"]
    assert (row["from_label"], row["to_label"]) == ("Alice", None)
    assert (row["token_symbol"], row["token_decimals"]) == ("USDX", 6)
    assert (row["amount"], row["amount_usd"]) == (Decimal("2.5"), 1.25)
    assert (row["price_usd"], row["price_source"]) == (0.5, "oracle")
    assert row["price_at"] == second(90)


def test_an_unknown_token_keeps_its_row_and_its_raw_value() -> None:
    tables = enriched(decoded([block(1)], transfers=[transfer(1, 2**256 - 1)]), NOTHING)
    (row,) = tables["enriched_token_transfers"]
    assert row["value_raw"] == b"\xff" * 32
    unknown = ("token_symbol", "token_decimals", "amount", "amount_usd", "price_usd", "price_at")
    assert [row[name] for name in unknown] == [None] * len(unknown)


@pytest.mark.parametrize("standard", ["erc721", "erc1155"])
def test_only_an_erc20_value_has_an_amount(standard: str) -> None:
    known = reference(tokens=[token(TOKEN, 0, "ART")], prices=[price(TOKEN, 0, 5.0)])
    moved = transfer(1, 1, standard=standard, token_id_raw=bytes(32))
    (row,) = enriched(decoded([block(1)], transfers=[moved]), known)["enriched_token_transfers"]
    assert (row["token_symbol"], row["amount"], row["amount_usd"]) == ("ART", None, None)
    assert row["price_usd"] == 5.0


def test_a_transaction_gets_labels_its_function_and_usd_at_the_native_price() -> None:
    known = reference(
        labels=[label(BOB, "Bob")],
        prices=[price(None, 0, 2000.0, source="oracle"), price(TOKEN, 0, 7.0)],
    )
    paid = [transaction(1, 0, value=10**18), transaction(1, 1, to_address=None)]
    calls = [call(1, 1, "mint")]
    tables = enriched(decoded([block(1)], transactions=paid, calls=calls), known)
    first, last = tables["enriched_transactions"]
    assert (first["function"], last["function"]) == (None, "mint")
    assert (first["from_label"], first["to_label"], last["to_label"]) == (None, "Bob", None)
    assert (first["value_usd"], first["fee"]) == (2000.0, 42_000)
    assert first["fee_usd"] == pytest.approx(42_000 / 10**18 * 2000)
    assert (first["price_source"], first["price_at"]) == ("oracle", second(0))


def test_native_decimals_place_the_point() -> None:
    known = reference(prices=[price(None, 0, 3.0)])
    rows = decoded([block(1)], transactions=[transaction(1, value=25)])
    (row,) = enriched(rows, known, native_decimals=1)["enriched_transactions"]
    assert row["value_usd"] == 7.5


def test_a_function_is_found_by_block_and_index_and_not_by_the_order_of_calls() -> None:
    blocks = [block(5), block(6)]
    rows = [transaction(number, index) for number in (5, 6) for index in (0, 1)]
    calls = [call(6, 0, "c"), call(5, 1, "b"), call(6, 1, None), call(5, 0, "a")]
    tables = enriched(decoded(blocks, transactions=rows, calls=calls), NOTHING)
    assert [r["function"] for r in tables["enriched_transactions"]] == ["a", "b", "c", None]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        pytest.param([("old", 1, "z"), ("new", 2, "a")], "new", id="newest as_of"),
        pytest.param([("said", 1, "a"), ("unsaid", None, "z")], "said", id="no as_of loses"),
        pytest.param([("a", 1, "a"), ("b", 1, "b")], "b", id="then the last source"),
        pytest.param([("x", 1, "a"), ("y", 1, "a")], "y", id="then the last label"),
    ],
)
def test_of_labels_of_one_address_the_same_one_counts_in_any_order(
    rows: list[tuple[str, int | None, str]], chosen: str
) -> None:
    labels = [label(BOB, text, as_of=as_of, source=source) for text, as_of, source in rows]
    for given in (labels, labels[::-1]):
        tables = enriched(decoded([block(1)]), reference(labels=given))
        assert tables["enriched_blocks"][0]["miner_label"] == chosen


def test_of_metadata_of_one_token_the_newest_counts() -> None:
    known = reference(tokens=[token(TOKEN, 8, "NEW", as_of=5), token(TOKEN, 6, "OLD", as_of=4)])
    tables = enriched(decoded([block(9)], transfers=[transfer(9)]), known)
    (row,) = tables["enriched_token_transfers"]
    assert (row["token_symbol"], row["token_decimals"]) == ("NEW", 8)


def test_a_block_counts_its_transfers_and_tells_no_receipts_from_none() -> None:
    blocks = [block(1), block(2), block(3, log_count=None)]
    rows = decoded(blocks, transfers=[transfer(1), transfer(1, batch_index=1)])
    counts = [b["token_transfer_count"] for b in enriched(rows, NOTHING)["enriched_blocks"]]
    assert counts == [2, 0, None]


def test_a_block_says_who_decoded_it_and_from_which_blob() -> None:
    rows = decoded([block(1, decoder_version="d7", raw_sha256=b"s" * 32)])
    (row,) = enriched(rows, NOTHING)["enriched_blocks"]
    assert (row["decoder_version"], row["raw_sha256"]) == ("d7", b"s" * 32)


@pytest.mark.parametrize(
    ("more", "stale"),
    [
        pytest.param({"labels": [label(ALICE, "Alice")]}, [100, 200], id="a label"),
        pytest.param({"tokens": [token(TOKEN, 6)]}, [100, 200], id="a token"),
        pytest.param({"prices": [price(None, 101, 9.0)]}, [200], id="a price after block 100"),
        pytest.param({"prices": [price(None, 100, 9.0)]}, [100, 200], id="a price at block 100"),
        pytest.param({"prices": [price(None, 50, 9.0)]}, [100], id="too old for block 200"),
        pytest.param({"prices": [price(TOKEN, 201, 9.0)]}, [], id="a price after both"),
    ],
)
def test_a_new_reference_row_changes_the_version_of_just_the_blocks_it_may_change(
    more: dict[str, list[Row]], stale: list[int]
) -> None:
    rows = decoded([block(100), block(200)])
    before = enriched(rows, NOTHING, max_price_age=100)["enriched_blocks"]
    after = enriched(rows, reference(**more), max_price_age=100)["enriched_blocks"]
    changed = [
        new["number"]
        for old, new in zip(before, after, strict=True)
        if old["enricher_version"] != new["enricher_version"]
    ]
    assert changed == stale


def test_a_version_does_not_depend_on_the_order_of_reference_rows() -> None:
    prices = [price(None, at, 1.0, source=source) for at in (1, 2, 2, 3) for source in "ab"]
    labels = [label(ALICE, "Alice"), label(BOB, "Bob")]
    rows = decoded([block(2), block(3)])
    first = enriched(rows, reference(labels=labels, prices=prices))["enriched_blocks"]
    known = reference(labels=labels[::-1], prices=prices[::-1])
    assert enriched(rows, known)["enriched_blocks"] == first
    assert first[0]["enricher_version"] != first[1]["enricher_version"]


def test_rows_keep_their_order() -> None:
    blocks = [block(3), block(1), block(2)]
    rows = [transaction(2, 1), transaction(3, 0), transaction(2, 0)]
    tables = enriched(decoded(blocks, transactions=rows), NOTHING)
    assert [row["number"] for row in tables["enriched_blocks"]] == [3, 1, 2]
    keys = [(r["block_number"], r["transaction_index"]) for r in tables["enriched_transactions"]]
    assert keys == [(2, 1), (3, 0), (2, 0)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(
            decoded([block(1)], transactions=[transaction(7)]),
            "decoded_transactions has rows of block 7",
            id="transaction of no block",
        ),
        pytest.param(
            decoded([block(1)], transfers=[transfer(7)]),
            "decoded_token_transfers has rows of block 7",
            id="transfer of no block",
        ),
        pytest.param(
            decoded([block(1)], calls=[call(7, 0, "f")]),
            "decoded_calls has rows of block 7",
            id="call of no block",
        ),
        pytest.param(decoded([block(4), block(4)]), "block 4 is given more than once", id="twice"),
        pytest.param(
            decoded([block(4)], transactions=[transaction(4, 1 << 32)]),
            "transaction_index of 4294967296 in block 4",
            id="absurd index",
        ),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(rows: DecodedRows, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        enriched(rows, NOTHING)
