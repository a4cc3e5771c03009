"""What is not as its header says is found, and the reason says where."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_assets.core.proofs import ProofRules, prove_blocks
from chain_assets.sources.devnet import Devnet, DevnetSpec, Fault, Faults
from chain_assets_tests.core.proof_cases import (
    DEVNET,
    Json,
    decode_one,
    merge,
    prove,
    real_document,
    rules_of,
    verdicts,
)
from chain_assets_tests.core.proof_fields import covered_fields, flip_bit
from chain_assets_tests.sources.devnet_chains import SPARSE, documents, sparse_documents

_REAL = [
    pytest.param("ethereum", 1000007, id="Frontier receipts with roots"),
    pytest.param("ethereum", 4370006, id="Byzantium receipts with a status"),
    pytest.param("ethereum", 14000000, id="London"),
    pytest.param("ethereum", 19426587, id="Cancun"),
    pytest.param("ethereum", 22431084, id="Prague"),
    pytest.param("goerli", 5546957, id="Clique"),
    pytest.param("base-goerli", 12399126, id="a Canyon deposit"),
    pytest.param("optimism", 100000000, id="OP Stack before Bedrock"),
    pytest.param("optimism", 105237730, id="a deposit"),
    pytest.param("arbitrum", 150000000, id="Arbitrum internal"),
    pytest.param("polygon", 38102393, id="Bor"),
]
_FIELDS_A_BLOCK = 200


def assert_found(flipped: list[tuple[Any, Json]], rules: ProofRules) -> None:
    """Each (place, document) is refused by the decoder, or its proof fails with a reason."""
    decoded = [(place, decode_one(document)) for place, document in flipped]
    there = [(place, each) for place, each in decoded if not each.refused]
    if there:
        proofs = prove_blocks(merge([each for _, each in there]), rules=rules).to_pylist()
        for (place, _), proof in zip(there, proofs, strict=True):
            assert proof["level"] == "failed", (place, proof)
            assert proof["reason"]


def flip_all_fields(document: Json, rules: ProofRules, *, seed: int) -> None:
    draws = random.Random(seed)
    paths = covered_fields(document)
    if len(paths) > _FIELDS_A_BLOCK:
        paths = draws.sample(paths, _FIELDS_A_BLOCK)
    flipped = []
    for path in paths:
        bit = draws.randrange(1 << 20)
        flipped.append(((path, bit), flip_bit(document, path, bit)))
    assert_found(flipped, rules)


def with_all_types() -> list[Json]:
    """Devnet blocks that have transactions of all types from 0 to 4 between them."""
    found: list[Json] = []
    types: set[str] = set()
    for document in sparse_documents()[1:]:
        new = {transaction["type"] for transaction in document["block"]["transactions"]} - types
        if new:
            found.append(document)
            types |= new
    assert types == {hex(kind) for kind in range(5)}
    return found


@pytest.mark.parametrize(("chain", "number"), _REAL)
def test_a_flipped_bit_in_any_field_of_a_real_block_is_found(
    chain: str, number: int, real_blocks: Path
) -> None:
    document = real_document(real_blocks, chain, number)
    assert prove([document], rules_of(chain))[0]["level"] == "full"
    flip_all_fields(document, rules_of(chain), seed=number)


def test_a_flipped_bit_in_any_field_of_any_transaction_type_is_found() -> None:
    for index, document in enumerate(with_all_types()):
        flip_all_fields(document, DEVNET, seed=index)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_flipped_bit_of_any_field_is_found(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(with_all_types()))
    path = data.draw(st.sampled_from(covered_fields(document)))
    bit = data.draw(st.integers(0, 2**16))
    assert_found([((path, bit), flip_bit(document, path, bit))], DEVNET)


def test_both_routes_judge_tampered_blocks_alike() -> None:
    draws = random.Random(5)
    decoded = []
    for document in with_all_types():
        for path in draws.sample(covered_fields(document), 40):
            each = decode_one(flip_bit(document, path, draws.randrange(4096)))
            decoded += [] if each.refused else [each]
    tables = merge(decoded)
    compiled = prove_blocks(tables, rules=DEVNET, route="compiled")
    assert compiled.equals(prove_blocks(tables, rules=DEVNET, route="plain"))


@pytest.mark.parametrize("kind", ["altered_receipt", "missing_log"])
def test_a_lying_node_is_caught_by_the_receipts_root(kind: Any) -> None:
    faulty = Devnet(SPARSE, faults=Faults(rules=(Fault(kind=kind),)))
    proofs = prove(documents(faulty, range(1, 30)), DEVNET)
    for proof in proofs:
        assert (proof["level"], proof["receipts_root_ok"]) == ("failed", False)
        assert "receipts root differs: the receipts hash to 0x" in proof["reason"]
        assert proof["block_hash_ok"] is proof["transactions_root_ok"] is True


def test_receipts_of_the_same_block_on_another_fork_are_caught() -> None:
    spec = DevnetSpec(transactions_per_block=8, blocks=5)
    trunk = next(documents(Devnet(spec), [3]))
    other = next(documents(Devnet(DevnetSpec(seed=2, transactions_per_block=8, blocks=5)), [3]))
    foreign = rename_receipts(other["receipts"], trunk["block"])
    (proof,) = prove([{"block": trunk["block"], "receipts": foreign}], DEVNET)
    assert (proof["level"], proof["receipts_root_ok"]) == ("failed", False)


def rename_receipts(receipts: list[Json], block: Json) -> list[Json]:
    """The receipts as if of the transactions of `block`; as many as it has."""
    renamed = copy.deepcopy((receipts * 20)[: len(block["transactions"])])
    for receipt, transaction in zip(renamed, block["transactions"], strict=True):
        for each in (receipt, *receipt["logs"]):
            each["transactionHash"] = transaction["hash"]
    return renamed


def swap_transactions(document: Json) -> None:
    transactions = document["block"]["transactions"]
    transactions[0], transactions[1] = transactions[1], transactions[0]
    receipts = document["receipts"]
    receipts[0], receipts[1] = receipts[1], receipts[0]


def swap_logs(document: Json) -> None:
    logs = next(r["logs"] for r in document["receipts"] if len(r["logs"]) > 1)
    logs[0], logs[1] = logs[1], logs[0]


def drop_last_transaction(document: Json) -> None:
    document["block"]["transactions"].pop()
    document["receipts"].pop()


def double_a_withdrawal(document: Json) -> None:
    document["block"]["withdrawals"].append(document["block"]["withdrawals"][0])


def invent_an_uncle(document: Json) -> None:
    document["block"]["uncles"] = ["0x" + "11" * 32]


def drop_all_withdrawals(document: Json) -> None:
    document["block"]["withdrawals"] = []


def drop_the_withdrawals_root(document: Json) -> None:
    del document["block"]["withdrawalsRoot"]


def say_another_gas_used(document: Json) -> None:
    document["receipts"][1]["gasUsed"] = hex(int(document["receipts"][1]["gasUsed"], 16) + 1)


def number_logs_from_one(document: Json) -> None:
    for receipt in document["receipts"]:
        for log in receipt["logs"]:
            log["logIndex"] = hex(int(log["logIndex"], 16) + 1)


def name_an_unknown_type(document: Json) -> None:
    document["block"]["transactions"][0]["type"] = "0x45"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(swap_transactions, "transactions root differs", id="swapped transactions"),
        pytest.param(swap_logs, "receipts root differs", id="swapped logs"),
        pytest.param(drop_last_transaction, "transactions root differs", id="lost transaction"),
        pytest.param(double_a_withdrawal, "withdrawals root differs", id="doubled withdrawal"),
        pytest.param(drop_all_withdrawals, "withdrawals root differs", id="lost withdrawals"),
        pytest.param(drop_the_withdrawals_root, "root: the header has none", id="lost root"),
        pytest.param(invent_an_uncle, "uncles: the list", id="invented uncle"),
        pytest.param(say_another_gas_used, "transaction 1: gas used", id="gas used"),
        pytest.param(number_logs_from_one, "log 0 has the log index", id="log index"),
        pytest.param(name_an_unknown_type, "is of a type that ethereum", id="unknown type"),
    ],
)
def test_the_reason_names_what_is_wrong(change: Callable[[Json], None], reason: str) -> None:
    document = copy.deepcopy(sparse_documents()[9])
    assert prove([document], DEVNET)[0]["level"] == "full"
    change(document)
    (proof,) = prove([document], DEVNET)
    assert proof["level"] == "failed"
    assert reason in proof["reason"]


def test_a_foreign_sender_is_found_only_where_senders_are_recovered() -> None:
    pytest.importorskip("coincurve")
    document = copy.deepcopy(sparse_documents()[9])
    document["block"]["transactions"][2]["from"] = "0x" + "22" * 20
    assert prove([document], DEVNET)[0]["level"] == "full"
    (proof,) = prove([document], DEVNET, recover_senders=True)
    assert proof["level"] == "failed"
    assert proof["reason"] == "transaction 2 was not signed by its sender"


def test_parts_that_hold_are_told_apart_from_the_one_that_does_not() -> None:
    document = copy.deepcopy(sparse_documents()[9])
    document["block"]["extraData"] = "0x00"
    (proof,) = prove([document], DEVNET)
    others = {name: True for name in verdicts(proof) if name != "block_hash"}
    assert verdicts(proof) == {"block_hash": False, **others}
    assert proof["reason"].startswith("block hash differs: the header hashes to 0x")
