"""A field that a hash is made of and that the source left out is never taken for zero in silence.

RLP writes nothing and zero alike, so a root holds without the field; the row then has NULL where
the chain has 0.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.proofs import ProofRules, prove_blocks, rules_for
from chain_assets_tests.core.arbitrum_rows import EVERY_TYPE, ONE
from chain_assets_tests.core.proof_blocks import (
    WORD,
    A,
    B,
    Json,
    data_of,
    header_hash,
    sealed,
    transaction,
)
from chain_assets_tests.core.proof_cases import (
    DEVNET,
    decode_one,
    merge,
    prove,
    real_document,
    rules_of,
    verdicts,
)
from chain_assets_tests.core.proof_fields import Path as Place
from chain_assets_tests.core.proof_fields import needed_keys, take_away
from chain_assets_tests.sources.devnet_chains import sparse_documents

ETHEREUM, OP = rules_for("ethereum", 1), rules_for("op_stack", 10)
CELO, ARBITRUM = rules_of("celo"), rules_for("arbitrum", ONE)
NO_FORKS: Json = {"baseFeePerGas": "0x0"}
CANCUN: Json = {
    **NO_FORKS,
    "withdrawalsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "withdrawals": [],
    "blobGasUsed": "0x0",
    "excessBlobGas": "0x0",
    "parentBeaconBlockRoot": WORD,
}
_FIELDS_A_BLOCK = 100
_FEES = ("maxPriorityFeePerGas", "maxFeePerGas")
_CALL = ("gas", "to", "value", "input")
_SIGNATURE = ("yParity", "r", "s")
_LAYOUTS: dict[int, tuple[str, ...]] = {
    0: ("nonce", "gasPrice", *_CALL, "v", "r", "s"),
    1: ("chainId", "nonce", "gasPrice", *_CALL, "accessList", *_SIGNATURE),
    2: ("chainId", "nonce", *_FEES, *_CALL, "accessList", *_SIGNATURE),
    3: (
        *("chainId", "nonce", *_FEES, *_CALL, "accessList", "maxFeePerBlobGas"),
        *("blobVersionedHashes", *_SIGNATURE),
    ),
    4: ("chainId", "nonce", *_FEES, *_CALL, "accessList", "authorizationList", *_SIGNATURE),
    0x7B: ("chainId", "nonce", *_FEES, *_CALL, "accessList", "feeCurrency", *_SIGNATURE),
    0x7C: (
        *("chainId", "nonce", *_FEES, "gas", "feeCurrency", "gatewayFeeRecipient", "gatewayFee"),
        *("to", "value", "input", "accessList", *_SIGNATURE),
    ),
    0x7E: ("sourceHash", "from", "to", "mint", "value", "gas", "isSystemTx", "input"),
}


def all_zero(kind: int, chain_id: int) -> tuple[Json, list[Any]]:
    """A transaction of `kind` whose quantities are all 0, and the items of its RLP list."""
    values: dict[str, tuple[Any, Any]] = {
        "chainId": (hex(chain_id), chain_id),
        "accessList": ([], []),
        "blobVersionedHashes": ([WORD], [data_of(WORD)]),
        "authorizationList": (
            [{"chainId": "0x0", "address": B, "nonce": "0x0", "yParity": "0x0"}],
            [[0, data_of(B), 0, 0, 0, 0]],
        ),
        "isSystemTx": (False, 0),
        "sourceHash": (WORD, data_of(WORD)),
        "input": ("0x", b""),
        **{name: (A, data_of(A)) for name in ("from", "to", "feeCurrency", "gatewayFeeRecipient")},
    }
    values["authorizationList"][0][0] |= {"r": "0x0", "s": "0x0"}
    said = {name: values.get(name, ("0x0", 0)) for name in _LAYOUTS[kind]}
    row = transaction(kind, **{"value": "0x0", **{name: json for name, (json, _) in said.items()}})
    for name in {"gasPrice", "v", "r", "s"} - set(said):
        row.pop(name, None)
    return row, [item for _, item in said.values()]


def zeros(kind: int, rules: ProofRules, **options: Any) -> Json:
    """A block with a transaction of `kind` that failed, and nothing but zeros."""
    made = all_zero(kind, rules.chain_id)
    return sealed([made], status=0, number=hex(90_091_287), **CANCUN, **options)


_ALL_ZERO = [
    *(pytest.param(zeros(kind, ETHEREUM), ETHEREUM, id=f"{kind:#x}") for kind in range(5)),
    *(
        pytest.param(
            sealed([EVERY_TYPE[kind]], status=0, number=hex(90_091_287)), ARBITRUM, id=f"{kind:#x}"
        )
        for kind in EVERY_TYPE
    ),
    pytest.param(
        zeros(0x7B, CELO, receipt_tails=[[0]], receipt_fields={"baseFee": "0x0"}), CELO, id="0x7b"
    ),
    pytest.param(zeros(0x7C, CELO), CELO, id="0x7c"),
    pytest.param(
        zeros(
            0x7E,
            OP,
            receipt_tails=[[0, 1]],
            receipt_fields={"depositNonce": "0x0", "depositReceiptVersion": "0x1"},
        ),
        OP,
        id="0x7e",
    ),
]


def assert_all_needed(document: Json, rules: ProofRules) -> None:
    """Without any of the keys that are needed the block is refused, or not proved in full."""
    assert prove([document], rules)[0]["level"] == "full"
    places: list[tuple[Place, bool]] = [
        (path, null) for path in needed_keys(document) for null in (True, False)
    ]
    if len(places) > _FIELDS_A_BLOCK:
        places = random.Random(len(places)).sample(places, _FIELDS_A_BLOCK)
    decoded = [decode_one(take_away(document, path, null=null)) for path, null in places]
    read = [(place, each) for place, each in zip(places, decoded, strict=True) if not each.refused]
    tables = merge([each for _, each in read])
    proofs = prove_blocks(tables, rules=rules)
    assert proofs.equals(prove_blocks(tables, rules=rules, route="plain"))
    for (place, _), proof in zip(read, proofs.to_pylist(), strict=True):
        assert proof["level"] != "full", place
        assert proof["reason"], place


@pytest.mark.parametrize(("document", "rules"), _ALL_ZERO)
def test_no_field_can_be_left_out_where_it_is_zero(document: Json, rules: ProofRules) -> None:
    assert_all_needed(document, rules)


def test_no_field_of_a_made_up_block_can_be_left_out() -> None:
    for document in sparse_documents()[1:6]:
        assert_all_needed(document, DEVNET)


@pytest.mark.parametrize(
    ("chain", "number"),
    [("ethereum", 1000007), ("ethereum", 4370006), ("base-goerli", 12399126)],
)
def test_no_field_of_a_real_block_can_be_left_out(
    chain: str, number: int, real_blocks: Path
) -> None:
    assert_all_needed(real_document(real_blocks, chain, number), rules_of(chain))


@pytest.mark.parametrize(
    ("place", "part", "reason"),
    [
        pytest.param(
            ("receipts", 0, "status"),
            "receipts_root",
            "receipts root: receipt 0 is hashed over status, which the source did not supply",
            id="a status",
        ),
        pytest.param(
            ("block", "excessBlobGas"),
            "block_hash",
            "block hash: the source did not supply excess_blob_gas",
            id="a field of the header",
        ),
        pytest.param(
            ("block", "transactions", 0, "maxPriorityFeePerGas"),
            "transactions_root",
            "transactions root: transaction 0, of type 0x2, is hashed over "
            "max_priority_fee_per_gas, which the source did not supply",
            id="a field of a transaction",
        ),
    ],
)
def test_the_reason_names_the_field(place: Place, part: str, reason: str) -> None:
    document = take_away(zeros(2, ETHEREUM), place, null=True)
    (proof,) = prove([document], ETHEREUM)
    assert (proof["level"], proof["reason"]) == ("partial", reason)
    assert {name for name, holds in verdicts(proof).items() if not holds} == {part}


def test_a_signature_without_any_parity_is_not_proved() -> None:
    document = zeros(2, ETHEREUM)
    del document["block"]["transactions"][0]["yParity"]
    (proof,) = prove([document], ETHEREUM)
    assert (proof["level"], proof["transactions_root_ok"]) == ("partial", None)
    assert "is hashed over v, which the source did not supply" in proof["reason"]


def test_a_sender_is_not_asked_for_where_the_signed_message_is_not_all_there() -> None:
    pytest.importorskip("coincurve")
    document = copy.deepcopy(sparse_documents()[9])
    kinds = [each["type"] for each in document["block"]["transactions"]]
    place = kinds.index("0x2")
    document["block"]["transactions"][place]["maxPriorityFeePerGas"] = None
    (proof,) = prove([document], DEVNET, recover_senders=True)
    assert proof["level"] == "partial"


@pytest.mark.parametrize("field", ["accessList", "to"])
def test_what_a_transaction_may_be_without_can_be_left_out(field: str) -> None:
    row, items = all_zero(2, 1)
    items[5] = b""
    del row[field]
    document = sealed([({**row, "to": None}, items)])
    assert prove([document], ETHEREUM)[0]["level"] == "full"


def test_a_chain_that_skipped_cancun_lacks_nothing_of_it() -> None:
    document = sealed([], **NO_FORKS, withdrawalsRoot=CANCUN["withdrawalsRoot"], requestsHash=WORD)
    block = document["block"]
    skipped = {"blobGasUsed": "0x0", "excessBlobGas": "0x0", "parentBeaconBlockRoot": "0x"}
    block["hash"] = header_hash({**block, **skipped})
    (proof,) = prove([document], ETHEREUM)
    assert (proof["level"], proof["block_hash_ok"]) == ("full", True)
    block["blobGasUsed"] = "0x0"
    (proof,) = prove([document], ETHEREUM)
    assert proof["reason"] == "block hash: the source did not supply excess_blob_gas"
