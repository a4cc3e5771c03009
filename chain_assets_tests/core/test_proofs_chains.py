"""Blocks of other chains than the one that they are said to be of, and chains with odd headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils.crypto import keccak

from chain_assets.core.proofs import rules_for
from chain_assets_tests.core.proof_blocks import A, B, Json, data_of, hex_of, sealed, transaction
from chain_assets_tests.core.proof_cases import prove, real_document, rules_of

ETHEREUM, BASE = rules_for("ethereum", 1), rules_for("op_stack", 8453)
CALL = [21_000, data_of(B), 1, b"\x12\x34"]


def proof_of(document: Json, rules: Any) -> Json:
    (proof,) = prove([document], rules)
    assert prove([document], rules, route="plain") == [proof]
    return proof


def legacy(v: int, **fields: Any) -> tuple[Json, list[Any]]:
    row = transaction(0, gasPrice="0x9", v=hex(v), r="0x5", s="0x6", **fields)
    return row, [0, 9, *CALL, v, 5, 6]


def dynamic(chain_id: int) -> tuple[Json, list[Any]]:
    fees = {"maxPriorityFeePerGas": "0x1", "maxFeePerGas": "0x9"}
    row = transaction(2, **fields_of(chain_id), **fees)
    return row, [chain_id, 0, 1, 9, *CALL, [], 0, 5, 6]


def fields_of(chain_id: int) -> Json:
    return {"chainId": hex(chain_id), "r": "0x5", "s": "0x6"}


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(legacy(37), id="legacy: only v says it"),
        pytest.param(legacy(37, chainId="0x1"), id="legacy: the node says it as well"),
        pytest.param(dynamic(1), id="typed"),
    ],
)
def test_a_transaction_of_another_chain_is_found(made: tuple[Json, list[Any]]) -> None:
    document = sealed([legacy(27), made])
    assert proof_of(document, ETHEREUM)["level"] == "full"
    proof = proof_of(document, BASE)
    assert proof["level"] == "failed"
    assert proof["reason"] == "transaction 1 is of another chain than the one with the id 8453"


@pytest.mark.parametrize("said", [{}, {"chainId": None}, {"chainId": "0x0"}])
def test_a_transaction_older_than_eip_155_is_of_any_chain(said: Json) -> None:
    document = sealed([legacy(28, **said)])
    assert [proof_of(document, rules)["level"] for rules in (ETHEREUM, BASE)] == ["full"] * 2


def test_a_real_block_of_one_chain_fails_on_another(real_blocks: Path) -> None:
    document = real_document(real_blocks, "ethereum", 17686110)
    for chain in ("goerli", "base", "arbitrum", "polygon"):
        proof = proof_of(document, rules_of(chain))
        assert proof["level"] == "failed"
        assert "is of another chain than the one with the id" in proof["reason"]


@pytest.mark.parametrize(
    "difficulty", [10**38 - 1, 10**38, 2**128 - 2, 2**255], ids=lambda n: f"{len(str(n))} digits"
)
def test_a_header_is_hashed_over_all_digits_of_its_difficulty(difficulty: int) -> None:
    document = sealed([legacy(27)], difficulty=hex(difficulty))
    assert proof_of(document, ETHEREUM)["level"] == "full"
    document["block"]["difficulty"] = hex(difficulty + 1)
    assert proof_of(document, ETHEREUM)["block_hash_ok"] is False


def test_a_header_without_a_difficulty_is_told_by_the_name_that_nodes_use() -> None:
    document = sealed([legacy(27)])
    del document["block"]["difficulty"]
    assert proof_of(document, ETHEREUM)["reason"] == (
        "block hash: the source did not supply difficulty"
    )


CELO_FEES = {"maxPriorityFeePerGas": "0x1", "maxFeePerGas": "0x9"}


def celo(currency: str | None, **receipt: Any) -> Json:
    """A block of Celo since it is a layer 2, with a CIP-64 transaction."""
    row = transaction(0x7B, **CELO_FEES, **fields_of(42220), feeCurrency=currency)
    token = data_of(currency) if currency else b""
    items = [42220, 0, 1, 9, *CALL, [], token, 0, 5, 6]
    number = hex(31_056_500)
    return sealed([(row, items)], receipt_tails=[[7]], receipt_fields=receipt, number=number)


@pytest.mark.parametrize("currency", [A, None], ids=["a token", "the native token"])
def test_a_celo_transaction_that_names_a_fee_currency_is_hashed_over_it(
    currency: str | None,
) -> None:
    rules = rules_of("celo")
    document = celo(currency, baseFee="0x7")
    assert proof_of(document, rules)["level"] == "full"
    document["block"]["transactions"][0]["feeCurrency"] = B
    assert proof_of(document, rules)["transactions_root_ok"] is False
    proof = proof_of(celo(currency, baseFee="0x8"), rules)
    assert (proof["level"], proof["receipts_root_ok"]) == ("failed", False)


def test_a_celo_receipt_without_its_base_fee_is_not_wrong_but_proves_less() -> None:
    proof = proof_of(celo(A), rules_of("celo"))
    assert (proof["level"], proof["transactions_root_ok"]) == ("partial", True)
    assert proof["reason"] == (
        "receipts root: receipts of type 0x7b end with base_fee, which the source did not supply"
    )


@pytest.mark.parametrize(
    "gateway",
    [
        {},
        {"gatewayFeeRecipient": B, "gatewayFee": "0x80"},
        {"gatewayFeeRecipient": B, "gatewayFee": "0x0"},
    ],
    ids=["no gateway", "a gateway", "a gateway for nothing"],
)
def test_a_celo_transaction_of_layer_1_is_hashed_over_its_gateway(gateway: Json) -> None:
    row = transaction(0x7C, **CELO_FEES, **fields_of(42220), feeCurrency=A, **gateway)
    recipient = data_of(gateway["gatewayFeeRecipient"]) if gateway else b""
    paid = [data_of(A), recipient, int(gateway.get("gatewayFee", "0x0"), 16)]
    document = sealed([(row, [42220, 0, 1, 9, 21_000, *paid, *CALL[1:], [], 0, 5, 6])])
    proof = proof_of(document, rules_of("celo"))
    assert (proof["level"], proof["transactions_root_ok"]) == ("full", True)
    document["block"]["transactions"][0]["gatewayFeeRecipient"] = A
    assert proof_of(document, rules_of("celo"))["level"] == "partial"
    assert proof_of(document, rules_of("celo"))["transactions_root_ok"] is None


def signed_celo(kind: int, sender: str | None = None, **said: Any) -> Json:
    """A block of Celo with a transaction of `kind` that is truly signed, by `sender` as it says."""
    coincurve = pytest.importorskip("coincurve")
    key = coincurve.PrivateKey(b"\x11" * 32)
    paid = {
        0x7B: [*CALL, [], data_of(A)],
        0x7C: [CALL[0], data_of(A), b"", 0, *CALL[1:], []],
    }[kind]
    message = [42220, 0, 1, 9, *paid]
    digest = keccak(bytes([kind]) + rlp.encode(message))
    signature = key.sign_recoverable(digest, hasher=None)
    r, s, parity = (
        int.from_bytes(p, "big") for p in (signature[:32], signature[32:64], signature[64:])
    )
    signer = hex_of(keccak(key.public_key.format(compressed=False)[1:])[12:])
    fields = {"from": sender or signer, "feeCurrency": A, "v": hex(parity), "yParity": hex(parity)}
    signed = {"chainId": hex(42220), "r": hex(r), "s": hex(s)}
    row = transaction(kind, **CELO_FEES, **{**fields, **signed, **said})
    tail: Json = {0x7B: {"receipt_tails": [[7]], "receipt_fields": {"baseFee": "0x7"}}}.get(
        kind, {}
    )
    return sealed([(row, [*message, parity, r, s])], number=hex(31_056_500), **tail)


@pytest.mark.parametrize("kind", [0x7B, 0x7C])
def test_who_signed_a_celo_transaction_is_asked_for_as_for_any_other(kind: int) -> None:
    rules = rules_of("celo")
    (proof,) = prove([signed_celo(kind)], rules, recover_senders=True)
    assert proof["level"] == "full"
    (proof,) = prove([signed_celo(kind, sender=B)], rules, recover_senders=True)
    assert proof["reason"] == "transaction 0 was not signed by its sender"


@pytest.mark.parametrize("kind", [0x7B, 0x7C])
def test_a_celo_transaction_with_two_parities_is_found(kind: int) -> None:
    document = signed_celo(kind)
    row = document["block"]["transactions"][0]
    row["yParity"] = hex(1 - int(row["v"], 16))
    proof = proof_of(document, rules_of("celo"))
    assert proof["reason"] == "transaction 0 has another v than parity"
