"""What Arbitrum's own transactions say and are not hashed over."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.proofs import rules_for
from chain_assets_tests.core.arbitrum_rows import (
    EVERY_TYPE,
    ONE,
    ONE_90091287,
    SEPOLIA,
    SEPOLIA_1,
    TICKET_FIELDS,
    submit_retryable,
)
from chain_assets_tests.core.proof_blocks import A, Json, sealed
from chain_assets_tests.core.proof_cases import prove, real_document, rules_of

RULES = rules_for("arbitrum", ONE)
NUMBER = hex(90_091_287)


def proofs_of(*documents: Json) -> list[Json]:
    proofs = prove(documents, RULES)
    assert prove(documents, RULES, route="plain") == proofs
    return proofs


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (0x6A, "from", A),
        (0x6A, "to", A),
        (0x6A, "to", None),
        (0x6A, "value", "0x1"),
        (0x6A, "value", hex(10**38)),
        (0x69, "to", A),
        (0x69, "to", None),
        (0x69, "value", "0xde0b6b3a7640000"),
        (0x64, "input", "0xa9059cbb"),
    ],
)
def test_what_such_a_transaction_cannot_say_is_found(kind: int, name: str, value: Any) -> None:
    good = sealed([EVERY_TYPE[0x6A], EVERY_TYPE[kind], EVERY_TYPE[0x66]], number=NUMBER)
    bad = copy.deepcopy(good)
    bad["block"]["transactions"][1][name] = value
    proofs = proofs_of(good, bad, good)
    assert [proof["level"] for proof in proofs] == ["full", "failed", "full"]
    reason = f"transaction 1, of type {kind:#x}, says more than such a one can"
    assert proofs[1]["reason"] == reason


def test_beside_an_amount_that_does_not_fit_they_are_judged_alike() -> None:
    fields = {**TICKET_FIELDS, "maxFeePerGas": hex(2**256 - 1)}
    good = sealed([EVERY_TYPE[0x6A], submit_retryable(ONE, **fields)], number=NUMBER)
    assert proofs_of(good)[0]["level"] == "full"
    good["block"]["transactions"][0]["value"] = "0x1"
    assert proofs_of(good)[0]["level"] == "failed"


@pytest.mark.parametrize(("made", "chain_id"), [(ONE_90091287, ONE), (SEPOLIA_1, SEPOLIA)])
def test_those_of_public_chains_say_it(made: Any, chain_id: int) -> None:
    (proof,) = prove([sealed(made, number=NUMBER)], rules_for("arbitrum", chain_id))
    assert proof["level"] == "full"


def test_a_real_block_that_says_more_is_found(real_blocks: Path) -> None:
    document = real_document(real_blocks, "arbitrum", 150_000_000)
    assert prove([document], rules_of("arbitrum"))[0]["level"] == "full"
    altered = copy.deepcopy(document)
    altered["block"]["transactions"][0]["value"] = hex(10**24)
    (proof,) = prove([altered], rules_of("arbitrum"))
    assert (proof["level"], proof["transactions_root_ok"]) == ("failed", True)
