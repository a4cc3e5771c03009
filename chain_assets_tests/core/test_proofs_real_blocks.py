"""Every real block is proved, to the level that its source and its chain allow."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.proofs import VERIFIER, prove_blocks
from chain_assets_tests.core.proof_cases import (
    Json,
    decode_one,
    prove,
    real_documents,
    rules_of,
)
from chain_assets_tests.slow_route.real_blocks import chains_of, read_chain
from chain_assets_tests.tools import missing_tool

_NOT_SUPPLIED = "the source did not supply"
_STATE_SYNC = "the state-sync transaction, its last, stands outside both roots"


def expected_reasons(chain: str, document: Json) -> list[str]:
    """Why the proof of a real block cannot be full, from its JSON; nothing where it can be."""
    block, reasons = document["block"], []
    if document["receipts"] is None and block["transactions"]:
        reasons = [
            f"receipts root: {_NOT_SUPPLIED} the receipts",
            f"logs bloom: {_NOT_SUPPLIED} the receipts",
        ]
    if block.get("withdrawalsRoot") and block.get("withdrawals") is None:
        reasons.append(f"withdrawals root: {_NOT_SUPPLIED} the withdrawals")
    if chain.startswith(("optimism", "base")) and block.get("requestsHash"):
        why = "since Isthmus it is a storage root, which needs the state"
        reasons.append(f"withdrawals root: {why}")
    transactions = block["transactions"]
    if chain == "polygon" and transactions and int(transactions[-1]["gas"], 16) == 0:
        reasons.append(_STATE_SYNC)
    return reasons


def test_every_block_has_the_level_that_follows_from_what_its_source_supplied(
    real_blocks: Path,
) -> None:
    seen = 0
    for chain in chains_of(real_blocks):
        blocks = read_chain(real_blocks, chain)
        proofs = prove([block.document for block in blocks], rules_of(chain))
        for block, proof in zip(blocks, proofs, strict=True):
            reasons = expected_reasons(chain, block.document)
            assert proof["reason"] == ("; ".join(reasons) or None), block.path
            assert proof["level"] == ("partial" if reasons else "full")
            assert (proof["number"], proof["hash"]) == (block.number, block.hash)
            assert proof["verifier_version"] == VERIFIER
            assert proof["block_hash_ok"] is proof["transactions_root_ok"] is True
            seen += 1
    assert seen > 0


def test_both_routes_give_the_same_proofs(real_blocks: Path) -> None:
    for chain in chains_of(real_blocks):
        documents = real_documents(real_blocks, chain)
        compiled = prove(documents, rules_of(chain), route="compiled")
        assert compiled == prove(documents, rules_of(chain), route="plain")


def test_every_sender_signed(real_blocks: Path) -> None:
    pytest.importorskip("coincurve")
    for chain in chains_of(real_blocks):
        proofs = prove(real_documents(real_blocks, chain), rules_of(chain), recover_senders=True)
        assert {proof["level"] for proof in proofs} <= {"full", "partial"}


def test_a_block_is_judged_alike_alone_and_among_others(real_blocks: Path) -> None:
    documents = real_documents(real_blocks, "ethereum")[:20]
    together = prove(documents, rules_of("ethereum"))
    assert [prove([document], rules_of("ethereum"))[0] for document in documents] == together


@pytest.mark.parametrize("route", ["compiled", "plain"])
def test_nothing_to_prove_gives_no_rows(route: Any, real_blocks: Path) -> None:
    decoded = decode_one(real_documents(real_blocks, "goerli")[0])
    tables = ("blocks", "transactions", "logs", "withdrawals")
    nothing = {name: getattr(decoded, name).slice(0, 0) for name in tables}
    empty = dataclasses.replace(decoded, **nothing)
    assert prove_blocks(empty, rules=rules_of("goerli"), route=route).num_rows == 0


def test_every_real_uncle_header_hashes_to_its_hash(real_blocks: Path) -> None:
    path = real_blocks.parent / "reorg" / "uncle_headers_mainnet_0_16383.jsonl.gz"
    if not path.is_file():
        missing_tool("the uncle headers", f"{path} does not exist")
    headers = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    proofs = prove(({"block": header, "receipts": []} for header in headers), rules_of("ethereum"))
    assert len(proofs) > 1900
    assert all(proof["block_hash_ok"] for proof in proofs)
