"""Trie roots: those of real headers, and a naive trie as the other opinion."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain_assets.core.rlp import RlpItem, encode
from chain_assets.core.trie import EMPTY_TRIE_ROOT, ordered_trie_root
from chain_assets_tests.core.naive_trie import naive_trie_root


def _int(value: str) -> int:
    return int(value, 16)


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _receipt(receipt: dict[str, Any]) -> bytes:
    logs: RlpItem = [
        [_bytes(log["address"]), [_bytes(topic) for topic in log["topics"]], _bytes(log["data"])]
        for log in receipt["logs"]
    ]
    status = receipt.get("status")  # EIP-658; before it, the state root
    outcome = _bytes(receipt["root"]) if status is None else _int(status)
    bloom = _bytes(receipt["logsBloom"])
    body = encode([outcome, _int(receipt["cumulativeGasUsed"]), bloom, logs])
    kind = _int(receipt.get("type") or "0x0")
    return bytes([kind]) * bool(kind) + body


def test_the_empty_trie_has_the_root_that_empty_blocks_show() -> None:
    expected = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert ordered_trie_root([]).hex() == EMPTY_TRIE_ROOT.hex() == expected


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 255, 256, 257, 1000])
@pytest.mark.parametrize("size", [1, 40])
def test_counts_at_which_the_keys_change_their_shape(count: int, size: int) -> None:
    values = [bytes([1 + index % 255]) * size for index in range(count)]
    assert ordered_trie_root(values) == naive_trie_root(values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=150))
def test_any_values_give_the_root_of_the_naive_trie(values: list[bytes]) -> None:
    assert ordered_trie_root(values) == naive_trie_root(values)


def test_an_empty_value_is_refused() -> None:
    with pytest.raises(ValueError, match="empty value"):
        ordered_trie_root([b"a", b""])


def _withdrawal(row: dict[str, Any]) -> bytes:
    numbers = _int(row["index"]), _int(row["validatorIndex"])
    return encode([*numbers, _bytes(row["address"]), _int(row["amount"])])


def test_withdrawals_and_receipts_roots_of_real_ethereum_blocks(real_blocks: Path) -> None:
    receipts_roots = withdrawals_roots = 0
    for path in sorted((real_blocks / "ethereum" / "blocks").glob("*.json.gz")):
        content = json.loads(gzip.decompress(path.read_bytes()))
        block, receipts = content["block"], content["receipts"]
        # Some providers leave out a receipt's type, without which its envelope is not known.
        if all(receipt.get("type") for receipt in receipts):
            root = ordered_trie_root([_receipt(receipt) for receipt in receipts])
            assert root.hex() == block["receiptsRoot"][2:], path.name
            receipts_roots += 1
        if block.get("withdrawals") is not None:
            root = ordered_trie_root([_withdrawal(row) for row in block["withdrawals"]])
            assert root.hex() == block["withdrawalsRoot"][2:], path.name
            withdrawals_roots += 1
    assert receipts_roots > 40
    assert withdrawals_roots > 5
