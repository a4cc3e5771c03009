"""Amounts of 10^38 wei and more: what messages from layer 1 name, and nobody has."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.block_json import decode_blocks
from chain_assets.core.block_tables import BlockTables
from chain_assets.core.json_strict import decode_strict
from chain_assets.core.proofs import rules_for
from chain_assets.core.schemas.decoded import TRANSACTIONS
from chain_assets.lake.data_files import read_data_file, write_data_file
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.core.arbitrum_rows import (
    EVERY_TYPE,
    ONE,
    TICKET_FIELDS,
    submit_retryable,
    unsigned,
)
from chain_assets_tests.core.enrich_rows import block, decoded, enriched, price, reference
from chain_assets_tests.core.enrich_rows import transaction as transaction_row
from chain_assets_tests.core.json_readers import compact
from chain_assets_tests.core.proof_blocks import (
    WORD,
    A,
    B,
    Json,
    data_of,
    sealed,
    transaction,
)
from chain_assets_tests.core.proof_cases import prove

OP = rules_for("op_stack", 8453)
LARGEST = 2**256 - 1
LARGE = pytest.mark.parametrize("value", [10**38, 2**128, 2**255, LARGEST])


def deposit(value: int) -> tuple[Json, list[Any]]:
    row = transaction(0x7E, sourceHash=WORD, mint="0x0", isSystemTx=False, value=hex(value))
    call = [data_of(A), data_of(B), 0, value, 21_000, 0, b"\x12\x34"]
    return row, [data_of(WORD), *call]


def legacy(value: int) -> tuple[Json, list[Any]]:
    row = transaction(0, gasPrice="0x9", v="0x1b", r="0x5", s="0x6", value=hex(value))
    return row, [0, 9, 21_000, data_of(B), value, b"\x12\x34", 27, 5, 6]


def document(*values: int) -> Json:
    """A block whose first transaction is a deposit, with these values."""
    first, *others = values
    return sealed([deposit(first), *map(legacy, others)])


def both_readers(*documents: Json) -> BlockTables:
    """The documents decoded: by the kernel and the strict reader together, and by that alone."""
    payloads = [compact(each) for each in documents]
    tables = decode_blocks(payloads, chain="base")
    assert not tables.refused
    assert tables.transactions.equals(decode_strict(payloads, chain="base").transactions)
    return tables


def pairs(tables: BlockTables) -> list[tuple[Decimal | None, bytes | None]]:
    rows = tables.transactions.select(["value", "value_raw"]).to_pydict()
    return list(zip(*rows.values(), strict=True))


@LARGE
def test_a_value_that_does_not_fit_is_null_and_stands_in_all_its_bits(value: int) -> None:
    assert pairs(both_readers(document(value, 7))) == [
        (None, value.to_bytes(32, "big")),
        (Decimal(7), None),
    ]


def test_a_value_that_fits_stands_once_also_in_blocks_beside_large_ones() -> None:
    tables = both_readers(document(10**38 - 1), document(LARGEST, 0), document(1, 10**20))
    assert pairs(tables) == [
        (Decimal(10**38 - 1), None),
        (None, b"\xff" * 32),
        (Decimal(0), None),
        (Decimal(1), None),
        (Decimal(10**20), None),
    ]


@LARGE
@pytest.mark.parametrize("route", ["compiled", "plain"])
def test_a_block_with_a_large_value_is_proved_in_full_beside_others(value: int, route: str) -> None:
    documents = [document(1, 10**38 - 1), document(value, 0, 5), document(3)]
    proofs = prove(documents, OP, route=route)
    assert [(proof["level"], proof["reason"]) for proof in proofs] == [("full", None)] * 3


@pytest.mark.parametrize("route", ["compiled", "plain"])
@pytest.mark.parametrize("wrong", [LARGEST - 1, 2**255, LARGEST % 10**38, 0])
def test_a_large_value_that_was_altered_is_found(wrong: int, route: str) -> None:
    altered = document(LARGEST, 5)
    altered["block"]["transactions"][0]["value"] = hex(wrong)
    (proof,) = prove([altered], OP, route=route)
    assert (proof["level"], proof["transactions_root_ok"]) == ("failed", False)
    assert "transaction 0 does not hash to its transaction hash" in proof["reason"]


def test_a_signed_transaction_with_a_large_value_has_its_sender_recovered() -> None:
    # Nobody can sign one that a chain takes: the check must not trip over the value all the same.
    (proof,) = prove([document(5, LARGEST)], OP, recover_senders=True)
    assert proof["reason"] == "transaction 1 was not signed by its sender"


@pytest.mark.parametrize("name", ["gasPrice", "maxFeePerGas"])
def test_a_fee_that_does_not_fit_is_null_and_stands_in_all_its_bits(name: str) -> None:
    column = {"gasPrice": "gas_price", "maxFeePerGas": "max_fee_per_gas"}[name]
    large = document(1, 2)
    large["block"]["transactions"][0][name] = hex(LARGEST)
    rows = both_readers(document(3), large).transactions
    assert rows[f"{column}_raw"].to_pylist() == [None, b"\xff" * 32, None]
    usual = Decimal(9) if name == "gasPrice" else None
    assert rows[column].to_pylist() == [Decimal(0) if name == "gasPrice" else None, None, usual]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(
            submit_retryable(
                ONE,
                **{**TICKET_FIELDS, "gas": "0x0", "maxFeePerGas": hex(LARGEST)},
                gasPrice=hex(LARGEST),
            ),
            id="a ticket without gas",
        ),
        pytest.param(unsigned(ONE, gasPrice=hex(10**38)), id="a fee said as the gas price"),
    ],
)
@pytest.mark.parametrize("route", ["compiled", "plain"])
def test_a_message_to_arbitrum_that_names_any_fee_is_proved_in_full(
    made: tuple[Json, list[Any]], route: str
) -> None:
    whole = sealed([EVERY_TYPE[0x6A], made, EVERY_TYPE[0x66]], number=hex(90_091_287))
    (proof,) = prove([whole], rules_for("arbitrum", ONE), route=route)
    assert (proof["level"], proof["reason"]) == ("full", None)


@pytest.mark.parametrize("route", ["compiled", "plain"])
def test_prices_are_judged_alike_beside_an_amount_that_does_not_fit(route: str) -> None:
    right, wrong = document(LARGEST, 1, 2), document(1, 1, 2)
    for each in (right, wrong):
        for receipt in each["receipts"]:
            receipt["effectiveGasPrice"] = "0x9"
    wrong["receipts"][2]["effectiveGasPrice"] = "0x8"
    absurd = document(1, 2)
    absurd["block"]["transactions"][1] |= {"type": "0x2", "maxFeePerGas": hex(LARGEST)}
    proofs = prove([right, wrong, absurd], OP, route=route)
    assert [proof["level"] for proof in proofs] == ["full", "failed", "failed"]
    assert proofs[1]["reason"].startswith("transaction 2: the effective gas price")


def test_an_enriched_transaction_has_both_and_no_worth_in_usd() -> None:
    raw = LARGEST.to_bytes(32, "big")
    rows = decoded(
        [block(1)],
        transactions=[
            transaction_row(1, 0, value=None, value_raw=raw, type=0x7E),
            transaction_row(1, 1, value=10**18),
        ],
    )
    large, usual = enriched(rows, reference(prices=[price(None, 0, 2.0)]))["enriched_transactions"]
    assert (large["value"], large["value_raw"], large["value_usd"]) == (None, raw, None)
    assert (usual["value"], usual["value_raw"], usual["value_usd"]) == (Decimal(10**18), None, 2.0)


def test_a_large_value_is_stored_and_read_again(tmp_path: Path) -> None:
    rows = both_readers(document(LARGEST, 5)).transactions
    tables = LakeTables(Storage(str(tmp_path)))
    partition = {"chain": "base", "block_range": "000020000000-000020000999"}
    file = write_data_file(tables.store, TRANSACTIONS, rows, partition=partition)
    assert file is not None
    assert read_data_file(tables.store, TRANSACTIONS, file.path, size=file.size).equals(rows)
