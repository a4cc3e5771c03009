"""decode_blocks: what is refused, what is decoded, what is counted."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.errors import DecodeError
from chain_assets.core.schemas import TABLES
from chain_assets_tests.core.sample_block import (
    CHAIN,
    Change,
    Json,
    hex_bytes,
    payloads,
)

DELETE = object()


def at(*path: Any, value: Any = DELETE) -> Change:
    """Set (or delete) what stands at `path` in a document."""

    def change(document: Json) -> None:
        target: Any = document
        for key in path[:-1]:
            target = target[key]
        if value is DELETE:
            del target[path[-1]]
        else:
            target[path[-1]] = value

    return change


def block(key: str, value: Any = DELETE) -> Change:
    return at("block", key, value=value)


def transaction(key: str, value: Any = DELETE) -> Change:
    return at("block", "transactions", 1, key, value=value)


def receipt(key: str, value: Any = DELETE) -> Change:
    return at("receipts", 1, key, value=value)


def log(key: str, value: Any = DELETE) -> Change:
    return at("receipts", 1, "logs", 1, key, value=value)


def withdrawal(key: str, value: Any = DELETE) -> Change:
    return at("block", "withdrawals", 0, key, value=value)


def authorization(**fields: Any) -> Change:
    entry = {"chainId": "0x1", "address": hex_bytes(9, 20), "nonce": "0x0"}
    entry |= {"yParity": "0x1", "r": "0x1", "s": "0x2"} | fields
    return transaction("authorizationList", [entry])


# The change, and the words of the error that say where the bad value is and what it is.
REFUSALS = [
    pytest.param(transaction("value", "0xzz"), "transaction 1: value", id="bad hex in an amount"),
    pytest.param(block("extraData", "0xgg"), "block.extraData", id="bad hex in data"),
    pytest.param(transaction("input", "0xabc"), "transaction 1: input", id="odd length"),
    pytest.param(block("hash", "0x12"), "another block", id="hash too short"),
    pytest.param(block("stateRoot", "0x12"), "block.stateRoot", id="root too short"),
    pytest.param(block("miner", hex_bytes(1, 21)), "block.miner", id="address too long"),
    pytest.param(block("logsBloom", "0x00"), "block.logsBloom", id="bloom too short"),
    pytest.param(block("nonce", "0x42"), "block.nonce", id="nonce as a quantity"),
    pytest.param(block("gasUsed", hex(1 << 63)), "too large", id="2^63 in a LONG"),
    pytest.param(
        transaction("maxPriorityFeePerGas", hex(10**38)), "too large", id="10^38 in an amount"
    ),
    pytest.param(transaction("value"), "transaction 1: value is missing", id="no value"),
    pytest.param(transaction("value", None), "transaction 1: value is missing", id="null value"),
    pytest.param(transaction("value", hex(2**256)), "transaction 1: value", id="2^256 as value"),
    pytest.param(transaction("r", hex(1 << 256)), "too large", id="2^256 in a word"),
    pytest.param(block("timestamp", hex(253_402_300_800)), "too large", id="year 10000"),
    pytest.param(block("miner"), "block.miner is missing", id="required field is missing"),
    pytest.param(transaction("from", None), "transaction 1: from is missing", id="required null"),
    pytest.param(log("data"), "log 2: data is missing", id="log without data"),
    pytest.param(receipt("gasUsed"), "receipt 1: gasUsed is missing", id="receipt without gas"),
    pytest.param(receipt("cumulativeGasUsed", None), "cumulativeGasUsed", id="no cumulative gas"),
    pytest.param(withdrawal("amount"), "withdrawal 0: amount", id="withdrawal without amount"),
    pytest.param(transaction("gas", "0x5_208"), "transaction 1: gas", id="underscore"),
    pytest.param(transaction("gas", "0x+5"), "transaction 1: gas", id="sign"),
    pytest.param(transaction("gas", "-0x5"), "transaction 1: gas", id="sign before 0x"),
    pytest.param(transaction("gas", " 0x5"), "transaction 1: gas", id="space before"),
    pytest.param(transaction("gas", "0x5\n"), "transaction 1: gas", id="line feed after"),
    pytest.param(transaction("gas", "0x5\n0x6"), "transaction 1: gas", id="two quantities in one"),
    pytest.param(transaction("gas", "0X5"), "transaction 1: gas", id="upper-case X"),
    pytest.param(transaction("gas", "5208"), "transaction 1: gas", id="quantity without 0x"),
    pytest.param(
        transaction("gas", "0x\u0665"), "transaction 1: gas", id="digit of another script"
    ),
    pytest.param(transaction("input", "0xab cd"), "transaction 1: input", id="space in data"),
    pytest.param(transaction("input", "0xab\n"), "transaction 1: input", id="line feed after data"),
    pytest.param(transaction("input", "abcd"), "transaction 1: input", id="data without 0x"),
    pytest.param(transaction("gas", True), "transaction 1: gas", id="true for a quantity"),
    pytest.param(transaction("input", 12), "transaction 1: input", id="number for data"),
    pytest.param(transaction("to", ["0x"]), "transaction 1: to", id="list for an address"),
    pytest.param(transaction("to", {"a": 1}), "transaction 1: to", id="object for an address"),
    pytest.param(transaction("isSystemTx", "0x1"), "isSystemTx", id="text for a bool"),
    pytest.param(receipt("l1FeeScalar", 0.684), "l1FeeScalar", id="number for text"),
    pytest.param(block("uncles", [5]), "block.uncles", id="number for an uncle"),
    pytest.param(block("uncles", "0x"), "block.uncles", id="text for a list"),
    pytest.param(transaction("accessList", [None]), "accessList", id="null in an access list"),
    pytest.param(transaction("accessList", [{}]), "accessList", id="empty access list entry"),
    pytest.param(authorization(nonce=hex(1 << 64)), "authorizationList", id="authorization nonce"),
    pytest.param(authorization(r=None), "authorizationList", id="authorization without r"),
    pytest.param(block("transactions", None), "transactions", id="no transactions"),
    pytest.param(block("transactions", [hex_bytes(1)]), "transactions", id="hashes, not objects"),
    pytest.param(block("withdrawals", {}), "withdrawals", id="withdrawals are no list"),
    pytest.param(at("block"), "no block", id="no block at all"),
    pytest.param(at("block", value=None), "no block", id="block is null"),
    pytest.param(at("receipts", value={}), "receipts", id="receipts are no list"),
    pytest.param(at("receipts", 1), "1 receipts for 2 transactions", id="a receipt too few"),
    pytest.param(lambda d: d["receipts"].reverse(), "another transaction", id="wrong order"),
    pytest.param(receipt("transactionHash"), "another transaction", id="receipt of nothing"),
    pytest.param(receipt("logs", None), "receipt 1: logs", id="receipt without logs"),
    pytest.param(log("topics", [hex_bytes(1)] * 5), "at most four", id="five topics"),
    pytest.param(log("topics", hex_bytes(1)), "topics", id="topics are no list"),
    pytest.param(log("topics", ["0x12"]), "log 2: topics", id="short topic"),
    pytest.param(log("topics", [None]), "topics of a log", id="null topic"),
    pytest.param(
        log("transactionHash", hex_bytes(1)), "a log is of another", id="log of another transaction"
    ),
    pytest.param(block("hash", hex_bytes(99)), "another block", id="hash of another block"),
    pytest.param(block("number", "0x63"), "another block", id="number of another block"),
    pytest.param(block("number", None), "block.number", id="no number"),
]


@pytest.mark.parametrize(("change", "words"), REFUSALS)
@pytest.mark.parametrize("bad", [10, 11, 12])
def test_a_bad_block_is_refused_alone_with_chain_block_and_path(
    change: Change, words: str, bad: int
) -> None:
    numbers = [10, 11, 12]
    tables = decode_blocks(payloads(numbers, bad=bad, change=change), chain=CHAIN)

    (error,) = tables.refused
    assert isinstance(error, DecodeError)
    assert (error.chain, error.block) == (CHAIN, bad)
    assert words in str(error)
    good = [number for number in numbers if number != bad]
    assert tables.blocks["number"].to_pylist() == good
    assert tables.transactions["block_number"].to_pylist() == [n for n in good for _ in range(2)]
    assert tables.logs["block_number"].to_pylist() == [n for n in good for _ in range(3)]
    assert tables.withdrawals["block_number"].to_pylist() == good


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"block": NaN}', b"[" * 5000]
)
def test_a_payload_that_is_no_block_is_refused_alone(content: bytes) -> None:
    stored = payloads([10, 11], bad=0, change=at("block"))
    stored[0] = RawPayload(stored[0].number, stored[0].hash, content)
    tables = decode_blocks(stored, chain=CHAIN)
    assert [error.block for error in tables.refused] == [10]
    assert tables.blocks["number"].to_pylist() == [11]


def test_every_bad_block_has_an_error_of_its_own() -> None:
    stored = payloads([10, 11, 12, 13], bad=11, change=block("gasUsed", "0xg"))
    stored[3] = payloads([13], bad=13, change=block("miner"))[0]
    tables = decode_blocks(stored, chain=CHAIN)
    assert sorted((e.block, e.what.split()[0]) for e in tables.refused) == [
        (11, "block.gasUsed"),
        (13, "block.miner"),
    ]
    assert tables.blocks["number"].to_pylist() == [10, 12]


def test_an_error_crosses_a_process_border_whole() -> None:
    (error,) = decode_blocks(payloads([7], bad=7, change=block("miner")), chain=CHAIN).refused
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_huge_bad_value_is_cut_in_its_error() -> None:
    change = transaction("input", "0x" + "zz" * 100_000)
    (error,) = decode_blocks(payloads([7], bad=7, change=change), chain=CHAIN).refused
    assert len(str(error)) < 500


def test_no_payloads_give_empty_tables_of_the_contracts_types() -> None:
    tables = decode_blocks([], chain=CHAIN)
    for table in (tables.blocks, tables.transactions, tables.logs, tables.withdrawals):
        assert table.num_rows == 0
    logs = TABLES["decoded_logs"].file_schema
    assert tables.logs.schema == logs


def test_all_refused_gives_empty_tables() -> None:
    tables = decode_blocks(payloads([7], bad=7, change=block("miner")), chain=CHAIN)
    assert (tables.blocks.num_rows, tables.logs.num_rows, len(tables.refused)) == (0, 0, 1)
