"""Headers of AuRa chains, which end with a step and a signature in place of a proof of work.

Block 141 of a chain that OpenEthereum made (a development chain of Streamr) is the judge: its
fields and its hash are facts.
"""

from __future__ import annotations

from typing import Any

import pytest

from chain_assets.core.json_strict import decode_strict
from chain_assets.core.proofs import rules_for
from chain_assets_tests.core.aura_seals import (
    ERIGON,
    FORMS,
    NETHERMIND,
    OPEN_ETHEREUM,
    SIGNATURE,
    STEP,
)
from chain_assets_tests.core.json_readers import compact, differences, taken_of
from chain_assets_tests.core.proof_blocks import Json, header_hash, sealed
from chain_assets_tests.core.proof_cases import prove, rules_of


def block_141(seal: Json) -> Json:
    document = sealed(
        [],
        parentHash="0xfeea29ff7745d0cbaf00b3fab5d82a9e9d172227378ca86b93c618fe286387e6",
        miner="0x00bd138abd70e2f00903268f3db08f2d25677c9e",
        stateRoot="0x83dfd73a6ecc322c1b6eb5be107b7d0ec664ee5c63d740f5d1b1ee1f53c1dadc",
        difficulty=hex(2**128 - 2),
        number="0x8d",
        gasLimit="0x690ec9",
        timestamp="0x60a679f5",
        extraData="0xde830207028f5061726974792d457468657265756d86312e34312e30826c69",
    )
    block = document["block"]
    for name in ("mixHash", "nonce", "baseFeePerGas"):
        del block[name]
    block |= {"hash": "0xfacba8827d937891d382a254270147631c8ca9d967fb642f7ab237946cc2c7c6", **seal}
    return document


def proof_of(document: Json, chain_id: int = 8995) -> Json:
    rules = rules_for("ethereum", chain_id)
    (proof,) = prove([document], rules)
    assert prove([document], rules, route="plain") == [proof]
    return proof


@pytest.mark.parametrize("seal", FORMS)
@pytest.mark.parametrize("chain_id", [8995, 100], ids=["a chain of its own", "Gnosis"])
def test_a_header_is_proved_with_its_seal_however_nodes_write_it(seal: Json, chain_id: int) -> None:
    assert proof_of(block_141(seal), chain_id)["level"] == "full"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"step": STEP + 1}, id="another step"),
        pytest.param({"signature": "0x00" + SIGNATURE[2:]}, id="another signature"),
        pytest.param({"signature": f"0x{SIGNATURE[2:]}"}, id="a shorter signature"),
        pytest.param({"gasLimit": "0x690eca"}, id="another field"),
    ],
)
def test_a_header_with_another_seal_than_its_own_fails(change: Json) -> None:
    for chain_id in (8995, 100):
        proof = proof_of(block_141(NETHERMIND | change), chain_id)
        assert (proof["level"], proof["block_hash_ok"]) == ("failed", False)


@pytest.mark.parametrize(
    ("left_out", "column"), [("auraStep", "aura_step"), ("auraSeal", "aura_signature")]
)
def test_a_seal_that_a_source_leaves_out_is_told_on_a_chain_that_had_them(
    left_out: str, column: str
) -> None:
    seal = {name: value for name, value in ERIGON.items() if name != left_out}
    proof = proof_of(block_141(seal), 100)
    assert (proof["level"], proof["block_hash_ok"]) == ("partial", None)
    assert proof["reason"] == f"block hash: the source did not supply {column}"
    # Elsewhere nothing says that there was one, but for the hash.
    assert proof_of(block_141(seal))["level"] == "failed"


def test_a_seal_stands_before_the_fields_of_later_forks() -> None:
    document = block_141(NETHERMIND)
    block = document["block"]
    block["baseFeePerGas"] = "0x7"
    # As bytes where a proof of work has bytes: the step in its shortest form.
    sealed_as = {"mixHash": f"0x{STEP:x}", "nonce": f"0x{SIGNATURE}"}
    block["hash"] = header_hash({**block, **sealed_as})
    assert proof_of(document)["level"] == "full"


def test_gnosis_has_no_such_seals_since_its_merge() -> None:
    rules = rules_of("gnosis")
    document = sealed([], number=hex(rules.first_without_aura))
    assert proof_of(document, 100)["level"] == "full"
    earlier = sealed([], number=hex(rules.first_without_aura - 1))
    assert proof_of(earlier, 100)["reason"] == "block hash: the source did not supply aura_step"


@pytest.mark.parametrize("seal", FORMS)
def test_both_readers_read_the_same_seal(seal: Json) -> None:
    raw = compact(block_141(seal))
    assert taken_of([raw]) == [seal is not OPEN_ETHEREUM]
    assert not differences([raw])
    tables = decode_strict([raw], chain="test")
    assert not tables.refused
    (row,) = tables.blocks.to_pylist()
    assert (row["aura_step"], row["aura_signature"]) == (STEP, bytes.fromhex(SIGNATURE))
    assert set(tables.unknown_fields) <= {"block.sealFields"}


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, "", "-1", "1e3", "0x", "12x", " 1", 2**63, "9" * 19, [], 1e3]
)
def test_a_step_that_is_none_is_refused(value: Any) -> None:
    raw = compact(block_141({**NETHERMIND, "step": value}))
    tables = decode_strict([raw], chain="test")
    assert not differences([raw])
    if value == "0x":  # zero, to all quantities
        assert tables.blocks["aura_step"].to_pylist() == [0]
    else:
        (error,) = tables.refused
        assert "block.step is" in str(error)
    assert taken_of([raw]) == [False]
