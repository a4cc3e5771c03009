"""Arbitrum's own transactions: their hashes, their root, and their receipts.

Two blocks of public chains, and hashes of single transactions of theirs, are the judge where they
are known; beyond them the `rlp` library is.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from chain_assets.core.proofs import rules_for
from chain_assets_tests.core.arbitrum_rows import (
    EVERY_TYPE,
    LARGEST,
    ONE,
    ONE_90091287,
    REAL,
    RETRY,
    RETRY_FIELDS,
    RETRYABLES,
    SEPOLIA,
    SEPOLIA_1,
    TICKET,
    TICKET_FIELDS,
    Made,
    contract,
    deposit,
    retry,
    submit_retryable,
    unsigned,
)
from chain_assets_tests.core.naive_trie import naive_trie_root
from chain_assets_tests.core.proof_blocks import (
    WORD,
    Json,
    data_of,
    header_hash,
    hex_of,
    sealed,
)
from chain_assets_tests.core.proof_cases import prove

NO_VALUES: Json = {"to": None, "value": "0x0", "input": "0x", "gas": "0x0"}
# Whatever the hash is made of, by the layouts of the types.
_SENT = ("chainId", "from", "gas", "to", "value", "input")
COVERED = {
    0x64: ("chainId", "requestId", "from", "to", "value"),
    0x65: (*_SENT, "nonce", "gasPrice"),
    0x66: (*_SENT, "requestId", "maxFeePerGas"),
    0x68: (*_SENT, "nonce", *RETRY_FIELDS),
    0x69: ("chainId", "from", "gas", *TICKET_FIELDS),
    0x6A: ("chainId", "input"),
}


def nitro(*made: Made) -> Json:
    """A block of these transactions, of a number whose rules bind on every chain."""
    return sealed(made, number=hex(90_091_287))


def proof_of(document: Json, chain_id: int) -> Json:
    rules = rules_for("arbitrum", chain_id)
    (proof,) = prove([document], rules)
    assert prove([document], rules, route="plain") == [proof]
    return proof


@pytest.mark.parametrize(("known", "made"), [pytest.param(*each, id=each[0][:10]) for each in REAL])
def test_transactions_of_public_chains_hash_to_what_they_are_known_by(
    known: str, made: Made
) -> None:
    document = nitro(({**made[0], "hash": known}, made[1]))
    assert proof_of(document, made[1][0])["level"] == "full"


def test_the_transactions_of_a_block_of_arbitrum_one_give_its_root() -> None:
    document = nitro(*ONE_90091287)
    root = "0x9f586abcb16e6530ab4675ce632a2ee55af15f015472c3fd537312deb8288b25"
    assert document["block"]["transactionsRoot"] == root
    assert proof_of(document, ONE)["level"] == "full"


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _first_of_sepolia() -> Json:
    """Block 1 of Arbitrum Sepolia: its transactions and receipts, under a header made up."""
    ticket, attempt = data_of(TICKET), data_of(RETRY)
    created = keccak(b"TicketCreated(bytes32)")
    scheduled = keccak(b"RedeemScheduled(bytes32,bytes32,uint64,uint64,address,uint256,uint256)")
    row = SEPOLIA_1[1][0]
    gas, refund = int(row["gas"], 16), int(SEPOLIA_1[2][0]["maxRefund"], 16)
    fee = int(row["maxSubmissionFee"], 16)
    data = _word(gas) + bytes(12) + data_of(row["refundTo"]) + _word(refund) + _word(fee)
    logs = [
        [data_of(RETRYABLES), [created, ticket], b""],
        [data_of(RETRYABLES), [scheduled, ticket, attempt, _word(0)], data],
    ]
    document = nitro(*SEPOLIA_1)
    totals = [(0, []), (gas, logs), (gas + 21_000, [])]
    return _with_receipts(document, totals, types=(0x6A, 0x69, 0x68))


def _with_receipts(
    document: Json, totals: list[tuple[int, list[Any]]], *, types: tuple[int, ...]
) -> Json:
    """The document with receipts of these sums of gas and these logs."""
    block, envelopes, before, place, union = document["block"], [], 0, 0, 0
    for index, (total, logs) in enumerate(totals):
        bits = _bloom(logs)
        items = [1, total, bits.to_bytes(256, "big"), logs]
        envelopes.append(bytes([types[index]]) + rlp.encode(items))
        named = {
            "transactionHash": block["transactions"][index]["hash"],
            "transactionIndex": hex(index),
        }
        rows = [
            {
                **named,
                "logIndex": hex(place + offset),
                "address": hex_of(address),
                "topics": [hex_of(topic) for topic in topics],
                "data": hex_of(data),
            }
            for offset, (address, topics, data) in enumerate(logs)
        ]
        # The gas for layer 1 is said, and hashed nowhere.
        gas = {"cumulativeGasUsed": hex(total), "gasUsed": hex(total - before)}
        said = {**named, **gas, "status": "0x1", "gasUsedForL1": "0x5"}
        document["receipts"][index] = {**said, "logs": rows}
        before, place, union = total, place + len(logs), union | bits
    block["receiptsRoot"] = hex_of(naive_trie_root(envelopes))
    block |= {"gasUsed": hex(before), "logsBloom": hex_of(union.to_bytes(256, "big"))}
    block["hash"] = header_hash(block)
    return document


def _bloom(logs: list[Any]) -> int:
    bits = 0
    for address, topics, _ in logs:
        for item in (address, *topics):
            pairs = (keccak(item)[place : place + 2] for place in (0, 2, 4))
            for pair in pairs:
                bits |= 1 << (int.from_bytes(pair, "big") & 2047)
    return bits


def test_the_first_block_of_arbitrum_sepolia_gives_the_roots_that_it_has() -> None:
    document = _first_of_sepolia()
    block = document["block"]
    assert block["transactionsRoot"].startswith("0x5219258d")
    assert block["receiptsRoot"].startswith("0x171057d1")
    assert proof_of(document, SEPOLIA)["level"] == "full"


@pytest.mark.parametrize(
    "made",
    [
        *(pytest.param(made, id=f"{kind:#x}") for kind, made in EVERY_TYPE.items()),
        pytest.param(deposit(ONE, requestId=WORD, value=hex(10**38 - 1)), id="a large deposit"),
        pytest.param(unsigned(ONE, gasPrice="0x0", **NO_VALUES), id="an empty creation"),
        pytest.param(
            contract(ONE, requestId=WORD, maxFeePerGas="0x0", **NO_VALUES), id="by a contract"
        ),
        pytest.param(
            # What ArbRetryableTx.redeem says where someone redeems by hand.
            retry(ONE, **RETRY_FIELDS | {"maxRefund": hex(LARGEST)}),
            id="a retry by hand",
        ),
        pytest.param(
            submit_retryable(
                ONE,
                **TICKET_FIELDS
                | {"retryTo": None, "retryData": "0x", "retryValue": hex(LARGEST)}
                | {"depositValue": hex(10**38), "maxSubmissionFee": hex(LARGEST)},
            ),
            id="a ticket that asks for more than there is",
        ),
    ],
)
def test_every_type_is_proved_in_full(made: Made) -> None:
    document = nitro(EVERY_TYPE[0x6A], made)
    assert proof_of(document, ONE)["level"] == "full"


def test_a_fee_that_is_said_as_the_most_counts_before_the_gas_price() -> None:
    row, items = EVERY_TYPE[0x65]
    said = {**row, "maxFeePerGas": row["gasPrice"], "gasPrice": "0x1"}
    assert proof_of(nitro((said, items)), ONE)["level"] == "full"


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in COVERED.items() for name in names]
)
def test_no_field_that_is_hashed_can_be_changed(kind: int, name: str) -> None:
    document = nitro(EVERY_TYPE[kind])
    changed = copy.deepcopy(document)
    value = changed["block"]["transactions"][0][name]
    changed["block"]["transactions"][0][name] = value[:-1] + hex(int(value[-1], 16) ^ 1)[2:]
    proof = proof_of(changed, ONE)
    assert proof["level"] == "failed"
    assert proof["transactions_root_ok"] is False


@pytest.mark.parametrize(
    ("kind", "name", "column"),
    [
        (0x64, "requestId", "request_id"),
        (0x66, "requestId", "request_id"),
        (0x68, "ticketId", "ticket_id"),
        (0x68, "maxRefund", "max_refund"),
        (0x69, "l1BaseFee", "l1_base_fee"),
        (0x69, "retryData", "retry_data"),
        (0x69, "maxSubmissionFee", "max_submission_fee"),
    ],
)
def test_a_source_that_leaves_out_a_field_is_not_wrong_but_proves_less(
    kind: int, name: str, column: str
) -> None:
    document = nitro(EVERY_TYPE[0x6A], EVERY_TYPE[kind])
    del document["block"]["transactions"][1][name]
    proof = proof_of(document, ONE)
    assert (proof["level"], proof["transactions_root_ok"]) == ("partial", None)
    assert proof["receipts_root_ok"] is True
    assert proof["reason"] == (
        f"transactions root: transaction 1, of type {kind:#x}, is hashed over {column}, "
        "which the source did not supply"
    )


def test_transactions_of_arbitrum_classic_say_why_they_are_not_proved() -> None:
    row, items = EVERY_TYPE[0x6A]
    proof = proof_of(sealed([({**row, "type": "0x78"}, items)], number=hex(22_207_816)), ONE)
    assert (proof["level"], proof["transactions_root_ok"]) == ("partial", None)
    assert "is a transaction of Arbitrum Classic" in proof["reason"]


@pytest.mark.parametrize("chain_id", [ONE, 42170], ids=["One, since Nitro", "Nova, from the start"])
def test_a_block_of_nitro_has_no_transactions_of_arbitrum_classic(chain_id: int) -> None:
    """One such type would excuse the whole transactions root."""
    row, items = EVERY_TYPE[0x6A]
    proof = proof_of(nitro(({**row, "type": "0x78"}, items)), chain_id)
    assert proof["level"] == "failed"
    assert "of a type that arbitrum does not have there" in proof["reason"]
