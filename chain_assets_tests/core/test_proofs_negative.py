"""Blocks and headers that others tampered with, for a light client, are refused for their reason.

The files hold a block (or a header) without its receipts, as `eth_getBlockByNumber` answers it.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from chain_assets_tests.core.proof_cases import Json, decode_one, prove, rules_of, verdicts
from chain_assets_tests.tools import missing_tool

_PARTS = ("block_hash", "transactions_root", "withdrawals_root")
_BLOCKS: dict[str, set[str]] = {
    "pre-shanghai-success": set(),
    "post-shanghai-success": set(),
    # A list was changed with its root, but not the hash: "failed to verify block hash".
    "pre-shanghai-bad-receipts-hash": {"block_hash"},
    "post-shanghai-bad-receipts-hash": {"block_hash"},
    "pre-shanghai-bad-transactions-hash": {"block_hash"},
    "post-shanghai-bad-transactions-hash": {"block_hash"},
    "post-shanghai-bad-withdrawals-hash": {"block_hash"},
    # The root was changed with the hash: "failed to verify transactions list", and so on.
    "pre-shanghai-bad-transactions": {"transactions_root"},
    "post-shanghai-bad-transactions": {"transactions_root"},
    "post-shanghai-bad-withdrawals": {"withdrawals_root"},
}
_NULLS = {
    "post-shanghai-bad-transactions-nil": "transactions is not a list of objects",
    "post-shanghai-bad-withdrawals-nil": "withdrawals is not a list of objects",
}
_HEADERS = {
    "pre-shanghai-success": True,
    "post-shanghai-success": True,
    "pre-shanghai-bad-receipts": False,
    "post-shanghai-bad-receipts": False,
    "pre-shanghai-bad-transactions": False,
    "post-shanghai-bad-transactions": False,
    "post-shanghai-bad-withdrawals": False,
}


@pytest.fixture(scope="module")
def negative(real_blocks: Path) -> Path:
    folder = real_blocks.parent / "negative" / "data"
    if not folder.is_dir():
        missing_tool("the tampered blocks", f"{folder} does not exist")
    return folder


def read_block(folder: Path, name: str) -> Json:
    path = folder / "blocks" / f"{name}_data.json.gz"
    return {"block": json.loads(gzip.decompress(path.read_bytes())), "receipts": None}


def read_header(folder: Path, name: str) -> Json:
    """A header as a block without a body: only its hash can hold."""
    block = json.loads((folder / "headers" / f"{name}_data.json").read_text())
    return {"block": {**block, "transactions": [], "uncles": []}, "receipts": []}


@pytest.mark.parametrize(("name", "wrong"), _BLOCKS.items(), ids=_BLOCKS)
def test_a_tampered_block_fails_in_the_part_that_was_tampered_with(
    negative: Path, name: str, wrong: set[str]
) -> None:
    (proof,) = prove([read_block(negative, name)], rules_of("goerli"))
    found = {part for part, holds in verdicts(proof).items() if holds is False}
    assert found == wrong
    assert proof["level"] == ("failed" if wrong else "partial")
    for part in _PARTS:
        assert (f"{part.replace('_', ' ')} differs" in proof["reason"]) == (part in wrong)


@pytest.mark.parametrize(("name", "reason"), _NULLS.items(), ids=_NULLS)
def test_a_block_with_a_null_in_its_lists_does_not_come_as_far_as_a_proof(
    negative: Path, name: str, reason: str
) -> None:
    (error,) = decode_one(read_block(negative, name)).refused
    assert error.what == reason


@pytest.mark.parametrize(("name", "holds"), _HEADERS.items(), ids=_HEADERS)
def test_a_tampered_header_does_not_hash_to_its_hash(
    negative: Path, name: str, holds: bool
) -> None:
    (proof,) = prove([read_header(negative, name)], rules_of("goerli"))
    assert proof["block_hash_ok"] is holds
    assert ("block hash differs" in proof["reason"]) is not holds


def test_every_file_is_judged_by_a_test_above(negative: Path) -> None:
    blocks = {path.name.split("_")[0] for path in negative.glob("blocks/*_data.json.gz")}
    headers = {path.name.split("_")[0] for path in negative.glob("headers/*_data.json")}
    assert blocks == {*_BLOCKS, *_NULLS}
    assert headers == set(_HEADERS)
