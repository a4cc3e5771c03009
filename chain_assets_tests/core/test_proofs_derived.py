"""What receipts say and no root covers, but what the block and its transactions give."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from chain_assets.core.proofs import rules_for
from chain_assets.core.trie import EMPTY_TRIE_ROOT
from chain_assets_tests.core.proof_blocks import A, B, Json, data_of, hex_of, sealed, transaction
from chain_assets_tests.core.proof_cases import prove, real_documents, rules_of

ETHEREUM, OP = rules_for("ethereum", 1), rules_for("op_stack", 10)
BASE = rules_for("op_stack", 8453)
EMPTY_ROOT = hex_of(EMPTY_TRIE_ROOT)
BASE_FEE = 7
CREATED = hex_of(keccak(rlp.encode([data_of(A), 3]))[12:])
_SIGNED: Json = {"v": "0x0", "r": "0x5", "s": "0x6"}


def legacy(price: int = 9) -> tuple[Json, list[Any]]:
    row = transaction(0, gasPrice=hex(price), **_SIGNED | {"v": "0x1b"})
    return row, [0, price, 21_000, data_of(B), 1, b"\x12\x34", 27, 5, 6]


def with_access_list(price: int = 9) -> tuple[Json, list[Any]]:
    row = transaction(1, gasPrice=hex(price), chainId="0x1", accessList=[], **_SIGNED)
    return row, [1, 0, price, 21_000, data_of(B), 1, b"\x12\x34", [], 0, 5, 6]


def dynamic(cap: int, tip: int, **said: Any) -> tuple[Json, list[Any]]:
    fees = {"maxFeePerGas": hex(cap), "maxPriorityFeePerGas": hex(tip)}
    row = transaction(2, **{"chainId": "0x1", "accessList": [], **_SIGNED, **fees, **said})
    return row, [1, 0, tip, cap, 21_000, data_of(B), 1, b"\x12\x34", [], 0, 5, 6]


def creation() -> tuple[Json, list[Any]]:
    row = transaction(0, to=None, nonce="0x3", gasPrice="0x9", **_SIGNED | {"v": "0x1b"})
    return row, [3, 9, 21_000, b"", 1, b"\x12\x34", 27, 5, 6]


def blobs(count: int) -> tuple[Json, list[Any]]:
    fees = {"maxFeePerGas": "0x9", "maxPriorityFeePerGas": "0x1", "maxFeePerBlobGas": "0x5"}
    hashes = [bytes([1]) * 32] * count
    row = transaction(3, chainId="0x1", accessList=[], **_SIGNED | fees)
    row["blobVersionedHashes"] = [hex_of(each) for each in hashes]
    call = [21_000, data_of(B), 1, b"\x12\x34", [], 5, hashes]
    return row, [1, 0, 1, 9, *call, 0, 5, 6]


def proof_of(made: tuple[Json, list[Any]], rules: Any = ETHEREUM, **receipt: Any) -> Json:
    """The proof of a block of that transaction alone, whose receipt says also `receipt`."""
    (proof,) = prove([sealed([made], receipt_fields=receipt)], rules)
    return proof


PRICE = "transaction 0: the effective gas price is not what its fees and the block give"


@pytest.mark.parametrize(
    ("made", "price"),
    [
        pytest.param(legacy(), 9, id="legacy: its price"),
        pytest.param(legacy(10**38 - 1), 10**38 - 1, id="legacy: a price of 38 digits"),
        pytest.param(with_access_list(), 9, id="EIP-2930: its price"),
        pytest.param(dynamic(100, 2), BASE_FEE + 2, id="EIP-1559: base fee and tip"),
        pytest.param(dynamic(8, 2), 8, id="EIP-1559: the most that it pays"),
        pytest.param(dynamic(2**70, 2**70 - 7), 2**70, id="EIP-1559: a tip beyond 64 bits"),
        pytest.param(dynamic(2**64 - 1, 2**64 - 1), 2**64 - 1, id="EIP-1559: a sum that wraps"),
        pytest.param(
            dynamic(10**38 - 1, 10**38 - 9), 10**38 - 2, id="EIP-1559: a sum of 38 digits"
        ),
    ],
)
def test_the_price_paid_is_what_fees_and_base_fee_give(made: Any, price: int) -> None:
    assert proof_of(made, effectiveGasPrice=hex(price))["level"] == "full"
    for wrong in (price - 1, price - 2, 0, (price - 2**64) % 10**38):
        proof = proof_of(made, effectiveGasPrice=hex(wrong))
        assert (proof["level"], proof["reason"]) == ("failed", PRICE), wrong


def test_a_price_that_is_not_said_is_not_missed() -> None:
    for price in ("0x9", "0x64", None):
        made = dynamic(100, 2, gasPrice=price)
        assert proof_of(made)["level"] == "full"
        assert proof_of(made, effectiveGasPrice=None)["level"] == "full"


@pytest.mark.parametrize("price", ["0x0", "0x8", "0xa", "0x65", hex(2**64 + 9), hex(2**255)])
def test_a_gas_price_that_fees_would_be_made_of_is_no_other_than_was_signed(price: str) -> None:
    made = dynamic(100, 2, gasPrice=price)
    assert proof_of(made)["reason"] == PRICE
    assert proof_of(made, effectiveGasPrice="0x9")["level"] == "full"


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(rules_for("arbitrum", 42161), id="takes no tips"),
        pytest.param(rules_for("ethereum", 324), id="ZKsync: as it likes"),
        pytest.param(rules_for("ethereum", 123456789), id="of a chain that nobody knows"),
    ],
)
def test_where_other_rules_may_hold_the_price_is_the_node_s_word(rules: Any) -> None:
    document = sealed([legacy()], receipt_fields={"effectiveGasPrice": "0x8"}, number="0x1e84800")
    (proof,) = prove([document], rules)
    assert PRICE not in (proof["reason"] or "")


def test_before_bedrock_the_op_stack_had_rules_of_its_own() -> None:
    for number, level in ((105_235_062, "full"), (105_235_063, "failed")):
        document = sealed(
            [legacy()], receipt_fields={"effectiveGasPrice": "0x8"}, number=hex(number)
        )
        assert [proof["level"] for proof in prove([document], OP)] == [level]


def test_a_deposit_pays_no_price_whatever_is_said() -> None:
    row = transaction(0x7E, sourceHash="0x" + "cd" * 32, isSystemTx=False)
    items = [data_of(row["sourceHash"]), data_of(A), data_of(B), 0, 1, 21_000, 0, b"\x12\x34"]
    for price in ("0x0", "0x9"):
        assert proof_of((row, items), BASE, effectiveGasPrice=price)["level"] == "full"


ADDRESS = "transaction 0: the contract address is not that of its sender and nonce"


def test_a_contract_s_address_is_made_of_its_creator_and_nonce() -> None:
    assert proof_of(creation(), contractAddress=CREATED)["level"] == "full"
    assert proof_of(creation(), contractAddress=None)["level"] == "full"
    for wrong in (B, A, CREATED[:-1] + "0", "0x" + "00" * 20):
        proof = proof_of(creation(), contractAddress=wrong)
        assert (proof["level"], proof["reason"]) == ("failed", ADDRESS)


def test_a_call_creates_no_contract_of_its_own() -> None:
    assert proof_of(legacy(), contractAddress=None)["level"] == "full"
    assert proof_of(legacy(), contractAddress="0x" + "00" * 20)["level"] == "full"
    proof = proof_of(legacy(), contractAddress=CREATED)
    assert (proof["level"], proof["reason"]) == ("failed", ADDRESS)


def test_the_contract_of_a_deposit_is_made_of_the_nonce_in_its_receipt() -> None:
    word = "0x" + "cd" * 32
    row = transaction(0x7E, to=None, sourceHash=word, isSystemTx=False, nonce="0x0")
    items = [data_of(word), data_of(A), b"", 0, 1, 21_000, 0, b"\x12\x34"]
    receipt = {"depositNonce": "0x3", "depositReceiptVersion": "0x1"}
    for address, level in ((CREATED, "full"), (None, "full"), (B, "failed")):
        said = {**receipt, "contractAddress": address}
        document = sealed([(row, items)], receipt_tails=[[3, 1]], receipt_fields=said)
        assert [proof["level"] for proof in prove([document], BASE)] == [level]
    # Before Regolith nobody says the nonce.
    assert proof_of((row, items), BASE, contractAddress=B)["level"] == "full"
    assert proof_of(legacy(), contractAddress=B)["level"] == "failed"


@pytest.mark.parametrize("count", [1, 6])
def test_the_gas_of_blobs_is_that_of_so_many(count: int) -> None:
    for gas, level in ((count << 17, "full"), (0, "failed"), ((count + 1) << 17, "failed")):
        proof = proof_of(blobs(count), blobGasUsed=hex(gas))
        assert proof["level"] == level
    assert proof["reason"] == "transaction 0: the blob gas used is not that of its blobs"
    assert proof_of(blobs(count))["level"] == "full"


CANCUN, PRAGUE, OSAKA = 1_710_338_135, 1_746_612_311, 1_764_798_551


@pytest.mark.parametrize(
    ("at", "excess", "price"),
    [
        pytest.param(CANCUN, 0, 1, id="the least"),
        pytest.param(PRAGUE - 1, 50_593_792, 3_816_148, id="before Prague"),
        pytest.param(PRAGUE, 50_462_720, 23_789, id="since Prague (EIP-7691)"),
    ],
)
def test_the_price_of_blob_gas_is_what_the_excess_gives(at: int, excess: int, price: int) -> None:
    header: Json = {"timestamp": hex(at), "withdrawalsRoot": EMPTY_ROOT, "withdrawals": []}
    header |= {"blobGasUsed": hex(1 << 17), "excessBlobGas": hex(excess)}
    header |= {"parentBeaconBlockRoot": "0x" + "cd" * 32}
    for said, level in ((price, "full"), (price + 1, "failed"), (0, "failed")):
        document = sealed([blobs(1)], receipt_fields={"blobGasPrice": hex(said)}, **header)
        (proof,) = prove([document], ETHEREUM)
        assert proof["level"] == level
    assert proof["reason"] == "transaction 0: the blob gas price is not what the block gives"
    for later in ({"timestamp": hex(OSAKA)}, {"excessBlobGas": hex(2**63 - 1)}):
        document = sealed([blobs(1)], receipt_fields={"blobGasPrice": "0x5"}, **header | later)
        assert [each["level"] for each in prove([document], ETHEREUM)] == ["full"]


def test_what_else_is_said_of_blob_gas_is_not_of_blobs() -> None:
    made = dynamic(100, 2, chainId="0x2105", blobVersionedHashes=[])
    made[1][0] = 8453
    assert proof_of(made, BASE, blobGasUsed="0x64")["level"] == "full"


def test_the_first_wrong_one_of_a_block_is_told_and_others_blocks_are_not() -> None:
    good = sealed([legacy(), legacy()], receipt_fields={"effectiveGasPrice": "0x9"})
    bad = copy.deepcopy(good)
    bad["receipts"][1]["effectiveGasPrice"] = "0xa"
    proofs = prove([good, bad, good], ETHEREUM)
    assert [proof["level"] for proof in proofs] == ["full", "failed", "full"]
    assert proofs[1]["reason"].startswith("transaction 1: the effective gas price")


REAL = [("ethereum", 17686110), ("ethereum", 19426587), ("goerli", 5546958)]
REAL += [("optimism", 105235063), ("base", 2_000_000), ("polygon", 0)]


@pytest.mark.parametrize(("chain", "since"), REAL, ids=str)
def test_one_wei_more_is_found_in_a_real_block(real_blocks: Path, chain: str, since: int) -> None:
    document = next(
        each
        for each in real_documents(real_blocks, chain)
        if each["receipts"] and int(each["block"]["number"], 16) >= since
    )
    receipts = document["receipts"]
    # Deposits come first, and name no price.
    place = next(i for i, receipt in enumerate(receipts) if "effectiveGasPrice" in receipt)
    said = int(receipts[place]["effectiveGasPrice"], 16)
    receipts = copy.deepcopy(receipts)
    receipts[place]["effectiveGasPrice"] = hex(said + 1)
    (proof,) = prove([{**document, "receipts": receipts}], rules_of(chain))
    assert proof["reason"].startswith(f"transaction {place}: the effective gas price")
