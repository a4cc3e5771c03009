"""decode_blocks: what decoded values are, and which fields are counted as unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.block_json import decode_blocks
from chain_assets.core.json_columns import BadValue, column_from_json
from chain_assets_tests.core.sample_block import (
    CHAIN,
    Json,
    decode,
    hex_bytes,
    payload,
    sample_document,
)


def first(rows: Any) -> Json:
    row: Json = rows.slice(0, 1).to_pylist()[0]
    return row


def test_a_block_without_receipts_has_null_receipt_columns_and_no_logs() -> None:
    document = {**sample_document(5), "receipts": None}
    tables = decode(document, sample_document(6))
    without, with_receipts = tables.transactions.to_pylist()[0], tables.transactions.to_pylist()[2]
    columns = ("status", "gas_used", "cumulative_gas_used", "effective_gas_price", "log_count")
    assert [without[name] for name in columns] == [None] * 5
    assert [with_receipts[name] for name in columns] == [1, 21000, 21000, Decimal(9), 1]
    assert tables.blocks["log_count"].to_pylist() == [None, 3]
    assert tables.logs["block_number"].to_pylist() == [6, 6, 6]
    assert not tables.refused


def test_an_empty_block_with_receipts_has_no_logs_rather_than_unknown_ones() -> None:
    document = sample_document(5)
    document["block"]["transactions"], document["receipts"] = [], []
    row = first(decode(document).blocks)
    assert (row["transaction_count"], row["log_count"]) == (0, 0)


@pytest.mark.parametrize(
    ("withdrawals", "count"), [([], 0), (None, None)], ids=["none made", "not supplied"]
)
def test_no_withdrawals_and_unknown_withdrawals_differ(withdrawals: Any, count: Any) -> None:
    document = sample_document(5)
    document["block"]["withdrawals"] = withdrawals
    tables = decode(document)
    assert first(tables.blocks)["withdrawal_count"] == count
    assert tables.withdrawals.num_rows == 0


def test_a_withdrawal_is_decoded_with_its_block() -> None:
    assert decode(sample_document(5)).withdrawals.to_pylist() == [
        {
            "block_number": 5,
            "block_hash": bytes(31) + b"\x05",
            "block_timestamp": datetime.fromtimestamp(1_700_000_060, UTC),
            "withdrawal_index": 5,
            "validator_index": 5,
            "address": bytes(19) + b"\x03",
            "amount_gwei": Decimal(42),
        }
    ]


@pytest.mark.parametrize("count", range(5))
def test_a_log_has_as_many_topics_as_it_says(count: int) -> None:
    document = sample_document(5)
    topics = [hex_bytes(50 + i) for i in range(count)]
    document["receipts"][0]["logs"][0]["topics"] = topics
    row = first(decode(document).logs)
    wanted = [bytes.fromhex(topic[2:]) for topic in topics] + [None] * (4 - count)
    assert [row[f"topic{i}"] for i in range(4)] == wanted


def test_a_transaction_without_a_type_is_a_legacy_one() -> None:
    document = sample_document(5)
    del document["block"]["transactions"][0]["type"]
    assert decode(document).transactions["type"].to_pylist() == [0, 2]


def test_upper_case_hex_is_read_as_the_same_block() -> None:
    document = sample_document(0xABC)
    document["block"]["hash"] = "0x" + document["block"]["hash"][2:].upper()
    assert decode(document).blocks["number"].to_pylist() == [0xABC]


def test_authorizations_keep_all_digits_of_what_a_signer_chose() -> None:
    # EIP-7702: chain_id < 2^256, nonce < 2^64; most nodes say yParity, some v.
    entries = [
        {"chainId": hex(2**256 - 1), "nonce": hex(2**64 - 1), "yParity": "0x1"},
        {"chainId": hex(2**63), "nonce": "0x0", "v": "0x0"},
    ]
    address = {"address": hex_bytes(9, 20), "r": hex(2**256 - 2), "s": "0x1"}
    document = sample_document(5)
    document["block"]["transactions"][0]["authorizationList"] = [e | address for e in entries]
    assert first(decode(document).transactions)["authorization_list"] == [
        {
            "chain_id": chain_id.to_bytes(32, "big"),
            "address": bytes(19) + b"\x09",
            "nonce": Decimal(nonce),
            "y_parity": parity,
            "r": (2**256 - 2).to_bytes(32, "big"),
            "s": bytes(31) + b"\x01",
        }
        for chain_id, nonce, parity in [(2**256 - 1, 2**64 - 1, 1), (2**63, 0, 0)]
    ]


def test_layer_2_fields_are_decoded() -> None:
    document = sample_document(5)
    document["block"]["transactions"][0] |= {
        "sourceHash": hex_bytes(77),
        "mint": hex(10**20),
        "isSystemTx": False,
    }
    document["receipts"][0] |= {
        "depositNonce": "0xbd3215",
        "depositReceiptVersion": "0x1",
        "l1Fee": hex(10**19),
        "l1GasUsed": "0x640",
        "l1GasPrice": "0x3b9aca00",
        "l1FeeScalar": "0.684",
        "l1BlobBaseFee": "0x1",
        "operatorFeeScalar": "0x7",
        "operatorFeeConstant": hex(2**64 - 1),
        "gasUsedForL1": "0x5",
    }
    row = first(decode(document).transactions)
    assert (row["source_hash"], row["mint"]) == (bytes(31) + b"\x4d", Decimal(10**20))
    assert row["is_system_transaction"] is False
    assert (row["deposit_nonce"], row["deposit_receipt_version"]) == (0xBD3215, 1)
    assert (row["l1_fee"], row["l1_gas_used"]) == (Decimal(10**19), 1600)
    assert (row["l1_gas_price"], row["l1_fee_scalar"]) == (Decimal(10**9), "0.684")
    assert (row["operator_fee_scalar"], row["operator_fee_constant"]) == (7, Decimal(2**64 - 1))
    assert (row["l1_blob_base_fee"], row["gas_used_for_l1"]) == (Decimal(1), 5)


def test_unknown_fields_are_counted_by_path_over_all_blocks() -> None:
    documents = [sample_document(5), sample_document(6)]
    documents[0]["block"]["sendRoot"] = hex_bytes(1)
    for document in documents:
        for transaction in document["block"]["transactions"]:
            transaction["ethTxType"] = None
            transaction["accessList"][0]["weight"] = 1
        document["receipts"][1]["logs"][0]["kind"] = {"nested": True}
        document["block"]["withdrawals"][0]["note"] = "x"
    assert decode(*documents).unknown_fields == {
        "block.sendRoot": 1,
        "transaction.ethTxType": 4,
        "transaction.accessList.weight": 4,
        "log.kind": 2,
        "withdrawal.note": 2,
    }


def test_what_every_node_repeats_is_not_unknown() -> None:
    assert not decode(sample_document(5)).unknown_fields


LIMITS = {"quantity": 2**63, "amount": 10**38, "word": 2**256}
values = st.lists(st.none() | st.integers(0, 2**256 - 1) | st.integers(0, 2**63 - 1))


@pytest.mark.parametrize("kind", ["quantity", "amount", "word"])
@settings(deadline=None)
@given(numbers=values)
def test_quantities_decode_to_what_was_encoded_or_name_the_first_that_is_too_large(
    kind: Any, numbers: list[int | None]
) -> None:
    encoded = [None if n is None else hex(n) for n in numbers]
    too_large = [i for i, n in enumerate(numbers) if n is not None and n >= LIMITS[kind]]
    if too_large:
        with pytest.raises(BadValue) as caught:
            column_from_json(encoded, kind)
        assert caught.value.index == too_large[0]
        return
    decoded = column_from_json(encoded, kind).to_pylist()
    if kind == "word":
        decoded = [None if v is None else int.from_bytes(v, "big") for v in decoded]
    assert decoded == numbers


@settings(deadline=None)
@given(values=st.lists(st.none() | st.binary(max_size=70)))
def test_data_decodes_to_what_was_encoded(values: list[bytes | None]) -> None:
    encoded = [None if v is None else "0x" + v.hex() for v in values]
    assert column_from_json(encoded, "data").to_pylist() == values


@settings(deadline=None)
@given(text=st.text(alphabet="0xX19afAFgG _+-\n\t\u0661", max_size=8))
def test_text_is_a_quantity_exactly_when_it_is_0x_and_hex_digits(text: str) -> None:
    digits = text[2:]
    if text.startswith("0x") and set(digits) <= set("0123456789abcdefABCDEF"):
        assert column_from_json([text], "quantity").to_pylist() == [int(digits or "0", 16)]
    else:
        with pytest.raises(BadValue):
            column_from_json([text], "quantity")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32)
JSON_VALUES = st.recursive(
    LEAVES | st.text(max_size=5) | st.sampled_from(["0x", "0x1", "0x12", hex_bytes(1)]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(
    value=JSON_VALUES,
    place=st.sampled_from(["block", "transaction", "receipt", "log", "withdrawal"]),
    data=st.data(),
)
def test_whatever_a_field_holds_its_block_is_decoded_or_refused_and_no_other(
    value: Any, place: str, data: st.DataObject
) -> None:
    document = sample_document(5)
    target: Json = {
        "block": document["block"],
        "transaction": document["block"]["transactions"][1],
        "receipt": document["receipts"][1],
        "log": document["receipts"][1]["logs"][1],
        "withdrawal": document["block"]["withdrawals"][0],
    }[place]
    stored = [payload(sample_document(4)), payload(document), payload(sample_document(6))]
    target[data.draw(st.sampled_from(sorted(target)))] = value
    stored[1] = replace(stored[1], payload=json.dumps(document).encode())
    tables = decode_blocks(stored, chain=CHAIN)
    refused = [error.block for error in tables.refused]
    assert refused in ([], [5])
    assert tables.blocks["number"].to_pylist() == [n for n in (4, 5, 6) if n not in refused]
