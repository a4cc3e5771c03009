"""The devnet's blocks: valid by other libraries, the same everywhere, as dense as asked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import orjson
import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from chain_assets.sources.devnet import Devnet, DevnetSpec
from chain_assets.sources.devnet.chain import Chain
from chain_assets.sources.devnet.signing import ACCOUNTS, account_addresses
from chain_assets.sources.devnet.words import topic_of
from chain_assets_tests.sources.block_oracle import check_block, transaction_envelope
from chain_assets_tests.sources.devnet_chains import (
    SPARSE,
    Json,
    dense_documents,
    documents,
    sparse_documents,
)

PRAGUE_FIELDS = [
    "baseFeePerGas",
    "blobGasUsed",
    "difficulty",
    "excessBlobGas",
    "extraData",
    "gasLimit",
    "gasUsed",
    "hash",
    "logsBloom",
    "miner",
    "mixHash",
    "nonce",
    "number",
    "parentBeaconBlockRoot",
    "parentHash",
    "receiptsRoot",
    "requestsHash",
    "sha3Uncles",
    "size",
    "stateRoot",
    "timestamp",
    "transactions",
    "transactionsRoot",
    "uncles",
    "withdrawals",
    "withdrawalsRoot",
]


@pytest.fixture(scope="module")
def sparse() -> list[Json]:
    return sparse_documents()


@pytest.fixture(scope="module")
def dense() -> list[Json]:
    return dense_documents()


def test_every_root_hash_bloom_and_sender_agrees_with_other_libraries(
    sparse: list[Json], dense: list[Json]
) -> None:
    for document in [*sparse[:35], dense[0]]:
        check_block(document["block"], document["receipts"])


def test_blocks_of_rare_transaction_types_are_valid_too(dense: list[Json]) -> None:
    for kind in ("0x1", "0x3", "0x4"):
        found = [tx for d in dense for tx in d["block"]["transactions"] if tx["type"] == kind]
        for transaction in found[:10]:
            envelope = transaction_envelope(transaction)
            assert Account.recover_transaction(envelope).lower() == transaction["from"]


def test_authorizations_are_signed_by_accounts_of_the_devnet(dense: list[Json]) -> None:
    # EIP-7702: the authority is recovered from keccak(0x05 || rlp([chain_id, address, nonce])).
    known = set(account_addresses())
    tuples = [
        each
        for document in dense
        for transaction in document["block"]["transactions"]
        for each in transaction.get("authorizationList", [])
    ]
    assert tuples
    for each in tuples[:10]:
        chain_id, nonce = int(each["chainId"], 16), int(each["nonce"], 16)
        message = b"\x05" + rlp.encode([chain_id, bytes.fromhex(each["address"][2:]), nonce])
        vrs = int(each["yParity"], 16), int(each["r"], 16), int(each["s"], 16)
        key = Signature(vrs=vrs).recover_public_key_from_msg_hash(keccak(message))
        assert key.to_canonical_address() in known


def test_account_i_has_the_private_key_i_plus_one() -> None:
    for index in (0, 1, 2, 57, ACCOUNTS - 1):
        expected = Account.from_key((index + 1).to_bytes(32, "big")).address.lower()
        assert "0x" + account_addresses()[index].hex() == expected


def test_all_transaction_types_occur_in_about_mainnets_shares(dense: list[Json]) -> None:
    kinds = Counter(tx["type"] for d in dense for tx in d["block"]["transactions"])
    total = kinds.total()
    assert set(kinds) == {"0x0", "0x1", "0x2", "0x3", "0x4"}
    assert 0.65 < kinds["0x2"] / total < 0.85
    assert 0.12 < kinds["0x0"] / total < 0.28


def test_legacy_transactions_occur_with_and_without_replay_protection(dense: list[Json]) -> None:
    legacy = [tx for d in dense for tx in d["block"]["transactions"] if tx["type"] == "0x0"]
    assert {("chainId" in tx, int(tx["v"], 16) in (27, 28)) for tx in legacy} == {
        (True, False),
        (False, True),
    }


def test_the_density_is_mainnets(dense: list[Json]) -> None:
    transactions = sum(len(d["block"]["transactions"]) for d in dense) / len(dense)
    logs = sum(len(r["logs"]) for d in dense for r in d["receipts"]) / len(dense)
    assert 170 < transactions < 230
    assert 380 < logs < 520


@pytest.mark.parametrize("mean", [0, 1, 30])
def test_any_other_density_is_met(mean: int) -> None:
    spec = DevnetSpec(transactions_per_block=mean, blocks=101)
    counts = [len(d["block"]["transactions"]) for d in documents(Devnet(spec), range(1, 101))]
    assert abs(sum(counts) / 100 - mean) <= 0.15 * mean


def test_creations_failures_odd_logs_and_infinite_approvals_occur(dense: list[Json]) -> None:
    receipts = [receipt for d in dense for receipt in d["receipts"]]
    logs = [log for receipt in receipts for log in receipt["logs"]]
    assert any(receipt["contractAddress"] for receipt in receipts)
    assert 0.002 < sum(r["status"] == "0x0" for r in receipts) / len(receipts) < 0.03
    assert any(log["data"] == "0x" + "f" * 64 for log in logs)
    assert any(log["topics"] == [] for log in logs)
    transfer = "0x" + topic_of("Transfer(address,address,uint256)").hex()
    shapes = {(len(g["topics"]), len(g["data"])) for g in logs if g["topics"][:1] == [transfer]}
    assert {(3, 66), (4, 2)} < shapes
    assert shapes - {(3, 66), (4, 2)}, "no odd transfer among them"


def test_block_json_has_the_fields_of_a_prague_block_in_geths_order(sparse: list[Json]) -> None:
    block = sparse[5]["block"]
    assert list(block) == PRAGUE_FIELDS
    assert block["requestsHash"].startswith("0xe3b0c442")


def test_each_block_names_the_hash_of_the_one_below(sparse: list[Json]) -> None:
    hashes = [document["block"]["hash"] for document in sparse]
    parents = [document["block"]["parentHash"] for document in sparse]
    assert parents == ["0x" + "0" * 64, *hashes[:-1]]
    times = [int(document["block"]["timestamp"], 16) for document in sparse]
    assert times[-1] - times[0] == (len(sparse) - 1) * SPARSE.block_time_seconds


def test_the_genesis_is_empty(sparse: list[Json]) -> None:
    assert sparse[0]["block"]["transactions"] == sparse[0]["block"]["withdrawals"] == []


_HASH_OF_BLOCK_30 = """
import hashlib, sys
from chain_assets.sources.devnet import Devnet, DevnetSource, DevnetSpec
spec = DevnetSpec(transactions_per_block=8, blocks=120, finality_depth=20)
(raw,) = DevnetSource(Devnet(spec)).blocks([30])
sys.stdout.write(hashlib.sha256(raw.payload).hexdigest())
"""


def test_another_process_makes_the_same_bytes(sparse: list[Json]) -> None:
    command = [sys.executable, "-c", _HASH_OF_BLOCK_30]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert found == hashlib.sha256(orjson.dumps(sparse[30])).hexdigest()


def test_order_of_asking_changes_nothing(sparse: list[Json]) -> None:
    chain = Chain(SPARSE)
    for number in (100, 3, 57):
        assert "0x" + chain.block(number, chain.trunk).hash.hex() == sparse[number]["block"]["hash"]


def test_seed_and_chain_id_make_other_chains(sparse: list[Json]) -> None:
    for other in (
        DevnetSpec(transactions_per_block=8, seed=2),
        DevnetSpec(transactions_per_block=8, chain_id=99),
    ):
        (document,) = documents(Devnet(other), range(5, 6))
        assert document["block"]["hash"] != sparse[5]["block"]["hash"]
