"""Each family's and chain's own rules, on blocks made up for them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.errors import ConfigError
from chain_assets.core.proofs import rules_for
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
from chain_assets_tests.core.proof_cases import prove, real_document, rules_of, verdicts

ETHEREUM, OP = rules_for("ethereum", 1), rules_for("op_stack", 10)
ARBITRUM, BOR = rules_for("arbitrum", 42170), rules_for("bor", 137)
_CALL = [21_000, data_of(B), 1, b"\x12\x34"]


def legacy() -> tuple[Json, list[Any]]:
    row = transaction(0, gasPrice="0x9", v="0x1b", r="0x5", s="0x6")
    return row, [0, 9, *_CALL, 27, 5, 6]


def deposit(**fields: Any) -> tuple[Json, list[Any]]:
    row = transaction(0x7E, sourceHash=WORD, mint="0x3", isSystemTx=False, **fields)
    del row["gasPrice"]
    return row, [data_of(WORD), data_of(A), data_of(B), 3, 1, 21_000, 0, b"\x12\x34"]


def proof_of(document: Json, rules: Any) -> Json:
    (proof,) = prove([document], rules)
    assert prove([document], rules, route="plain") == [proof]
    return proof


@pytest.mark.parametrize(
    ("fields", "tail"),
    [
        pytest.param({}, [], id="Bedrock: a plain receipt"),
        pytest.param({"depositNonce": "0x7"}, [], id="Regolith: a nonce outside of the root"),
        pytest.param(
            {"depositNonce": "0x7", "depositReceiptVersion": "0x1"}, [7, 1], id="Canyon: both in it"
        ),
    ],
)
def test_deposits_are_proved_on_the_op_stack_and_nowhere_else(
    fields: Json, tail: list[int]
) -> None:
    document = sealed([deposit()], receipt_tails=[tail], receipt_fields=fields)
    assert proof_of(document, OP)["level"] == "full"
    proof = proof_of(document, ETHEREUM)
    assert proof["level"] == "failed"
    assert "transaction 0 is of a type that ethereum does not have" in proof["reason"]


def test_a_withdrawals_root_since_isthmus_is_a_storage_root_and_not_proved() -> None:
    forks: Json = {"withdrawalsRoot": WORD, "blobGasUsed": "0x0", "excessBlobGas": "0x0"}
    forks |= {"parentBeaconBlockRoot": WORD, "requestsHash": WORD}
    document = sealed([deposit(), legacy()], withdrawals=[], **forks)
    proof = proof_of(document, OP)
    assert (proof["level"], proof["withdrawals_root_ok"]) == ("partial", None)
    assert proof["reason"] == (
        "withdrawals root: since Isthmus it is a storage root, which needs the state"
    )
    withdrawal = {"index": "0x1", "validatorIndex": "0x2", "address": A, "amount": "0x3"}
    document["block"]["withdrawals"] = [withdrawal]
    assert proof_of(document, OP)["level"] == "failed"


def test_a_transaction_that_cannot_be_rebuilt_never_passes_for_an_empty_list() -> None:
    """A block without transactions has a well-known root; one put into it must not share it."""
    document = sealed([])
    row = transaction(0x64, hash=WORD, transactionIndex="0x0")
    document["block"]["transactions"] = [row]
    document["receipts"] = None
    assert proof_of(document, ARBITRUM)["transactions_root_ok"] is None


def test_a_state_sync_transaction_stands_outside_and_lowers_the_level(real_blocks: Path) -> None:
    document = real_document(real_blocks, "polygon", 20000000)
    proof = proof_of(document, BOR)
    assert proof["level"] == "partial"
    assert all(verdicts(proof)[part] for part in ("transactions_root", "receipts_root"))
    assert "state-sync" in proof["reason"]
    assert proof_of(document, ETHEREUM)["level"] == "failed"


def test_only_a_transaction_named_after_its_block_passes_for_state_sync(real_blocks: Path) -> None:
    document = copy.deepcopy(real_document(real_blocks, "polygon", 20000000))
    for each in (document["block"]["transactions"][-1], document["receipts"][-1]):
        each["hash" if "hash" in each else "transactionHash"] = WORD
    for log in document["receipts"][-1]["logs"]:
        log["transactionHash"] = WORD
    proof = proof_of(document, BOR)
    assert (proof["level"], proof["transactions_root_ok"]) == ("failed", False)


def test_receipts_of_an_unknown_form_are_not_proved_but_may_hold() -> None:
    row, number = transaction(0x7F), hex(80_084_800)
    plain = sealed([legacy(), (row, [1, 2, 3])], number=number)
    proof = proof_of(plain, BOR)
    assert (proof["level"], proof["receipts_root_ok"]) == ("partial", True)
    other = sealed([legacy(), (row, [1, 2, 3])], receipt_tails=[[], [7]], number=number)
    proof = proof_of(other, BOR)
    assert (proof["level"], proof["receipts_root_ok"]) == ("partial", None)
    assert "receipts of type 0x7f have a form of their own" in proof["reason"]


@pytest.mark.parametrize(("number", "place"), [(80_084_799, 1), (80_084_800, 0)])
def test_a_type_excuses_only_a_block_that_may_have_it(number: int, place: int) -> None:
    """Or one wrong type would have a block pass whose receipts are others."""
    made = [legacy()]
    made.insert(place, (transaction(0x7F), [1, 2, 3]))
    proof = proof_of(sealed(made, receipt_tails=[[7], [7]], number=hex(number)), BOR)
    assert proof["level"] == "failed"
    assert f"transaction {place} is of a type that bor does not have there" in proof["reason"]


@pytest.mark.parametrize("field", ["transactionsRoot", "receiptsRoot", "logsBloom", "stateRoot"])
def test_a_header_field_that_the_source_left_out_is_not_proved_and_not_wrong(field: str) -> None:
    block = sealed([legacy()])
    del block["block"][field]
    proof = proof_of(block, ETHEREUM)
    assert (proof["level"], proof["block_hash_ok"]) == ("partial", None)
    assert "the source did not supply" in proof["reason"]


@pytest.mark.parametrize(
    ("chain_id", "number", "level"),
    [
        pytest.param(1, 20_000_000, "failed", id="Ethereum"),
        pytest.param(43114, 100, "partial", id="Avalanche: a header with more fields"),
        pytest.param(1284, 100, "partial", id="Moonbeam: a header with milliseconds"),
        pytest.param(324, 100, "partial", id="ZKsync: no header"),
        pytest.param(42220, 31_056_499, "partial", id="Celo while a layer 1"),
        pytest.param(42220, 31_056_500, "failed", id="Celo since"),
    ],
)
def test_a_chain_whose_header_is_another_is_not_proved_and_says_why(
    chain_id: int, number: int, level: str
) -> None:
    document = sealed([legacy()], number=hex(number))
    document["block"]["hash"] = WORD
    proof = proof_of(document, rules_for("ethereum", chain_id))
    assert (proof["level"], proof["block_hash_ok"]) == (level, False if level == "failed" else None)
    assert proof["reason"].startswith("block hash")
    assert proof["transactions_root_ok"] is True


def test_an_excused_chain_is_proved_where_it_holds_all_the_same() -> None:
    assert proof_of(sealed([legacy()]), rules_for("ethereum", 43114))["level"] == "full"


def test_row_checks_of_an_excused_chain_lower_the_level_only() -> None:
    document = sealed([legacy()])
    document["receipts"][0]["cumulativeGasUsed"] = "0x0"
    proof = proof_of(document, rules_for("ethereum", 324))
    assert proof["level"] == "partial"
    assert "does not add up to the cumulative gas used: a ZKsync block" in proof["reason"]


def test_a_block_without_transactions_needs_no_receipts_for_a_full_proof() -> None:
    document = sealed([])
    document["receipts"] = None
    assert proof_of(document, ETHEREUM)["level"] == "full"


def test_a_header_with_a_field_left_out_is_not_proved() -> None:
    document = sealed([legacy()])
    del document["block"]["mixHash"]
    proof = proof_of(document, ETHEREUM)
    assert (proof["level"], proof["block_hash_ok"]) == ("partial", None)
    assert proof["reason"] == "block hash: the source did not supply mix_hash"


def test_withdrawals_that_are_missing_are_known_where_there_are_none() -> None:
    empty = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert proof_of(sealed([], withdrawalsRoot=empty), ETHEREUM)["withdrawals_root_ok"] is True
    proof = proof_of(sealed([], withdrawalsRoot=WORD), ETHEREUM)
    assert proof["reason"] == "withdrawals root: the source did not supply the withdrawals"


def test_a_header_that_skipped_a_fork_has_an_empty_string_in_its_place() -> None:
    document = sealed([], requestsHash=WORD)
    block = document["block"]
    assert proof_of(document, ETHEREUM)["block_hash_ok"] is False
    skipped = {"withdrawalsRoot": "0x", "parentBeaconBlockRoot": "0x"}
    skipped |= {"blobGasUsed": "0x0", "excessBlobGas": "0x0"}
    block["hash"] = header_hash({**block, **skipped})
    assert proof_of(document, ETHEREUM)["block_hash_ok"] is True


def test_a_typed_transaction_whose_chain_id_is_not_said_is_of_this_chain() -> None:
    fees = {"maxPriorityFeePerGas": "0x1", "maxFeePerGas": "0x9", "yParity": "0x1", "s": "0x6"}
    row = transaction(2, **fees, r="0x5")
    del row["v"]
    document = sealed([(row, [1, 0, 1, 9, *_CALL, [], 1, 5, 6])])
    assert proof_of(document, ETHEREUM)["level"] == "full"
    assert proof_of(document, rules_of("ethereum-classic"))["level"] == "failed"


def test_a_legacy_transaction_signed_for_another_chain_is_found() -> None:
    row = transaction(0, gasPrice="0x9", v="0x25", r="0x5", s="0x6", chainId="0x1")
    document = sealed([(row, [0, 9, *_CALL, 37, 5, 6])])
    assert proof_of(document, ETHEREUM)["level"] == "full"
    document["block"]["transactions"][0]["chainId"] = "0x2"
    assert "signed for another chain id" in proof_of(document, ETHEREUM)["reason"]


def test_a_status_that_a_node_made_up_for_an_old_receipt_is_not_taken_for_its_root(
    real_blocks: Path,
) -> None:
    document = copy.deepcopy(real_document(real_blocks, "ethereum", 1000007))
    for receipt in document["receipts"]:
        receipt["status"] = "0x1"
    assert proof_of(document, ETHEREUM)["level"] == "full"
    for receipt in document["receipts"]:
        del receipt["root"]
    proof = proof_of(document, ETHEREUM)
    assert (proof["level"], proof["receipts_root_ok"], proof["logs_bloom_ok"]) == (
        "partial",
        None,
        True,
    )
    assert proof["reason"] == (
        "receipts root: the source did not supply the state roots of the receipts"
    )


def test_rules_are_found_by_name_and_cross_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(OP)) == OP == rules_for("op_stack", 10)
    with pytest.raises(ConfigError, match=r"no rules of proof are called 'rollup'.*op_stack"):
        rules_for("rollup", 1)
