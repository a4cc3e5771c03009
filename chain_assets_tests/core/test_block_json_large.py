"""decode_blocks: header amounts beyond 38 digits, which AuRa chains have in every block."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.json_readers import compact, differences, taken_of
from chain_assets_tests.core.sample_block import CHAIN, Json, decode, sample_document

# An AuRa block's difficulty is 2^128 less a few steps; Gnosis merged at this total difficulty.
AURA_DIFFICULTY = 2**128 - 2
AURA_TOTAL = 8626000000000000000000058750000000000000000000
COLUMNS = ("difficulty", "difficulty_raw", "total_difficulty", "total_difficulty_raw")


def with_difficulties(number: int, difficulty: str | None, total: str | None) -> Json:
    document = sample_document(number)
    document["block"] |= {"difficulty": difficulty, "totalDifficulty": total}
    return document


def difficulties(tables: BlockTables) -> list[tuple[Any, ...]]:
    assert not tables.refused
    return list(zip(*(tables.blocks[name].to_pylist() for name in COLUMNS), strict=True))


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


DOCUMENTS = [
    with_difficulties(5, hex(AURA_DIFFICULTY), hex(AURA_TOTAL)),
    with_difficulties(6, hex(10**38 - 1), hex(10**38)),
    with_difficulties(7, "0x0", None),
    with_difficulties(8, None, hex(2**256 - 1)),
]
WANTED = [
    (None, word(AURA_DIFFICULTY), None, word(AURA_TOTAL)),
    (Decimal(10**38 - 1), word(10**38 - 1), None, word(10**38)),
    (Decimal(0), word(0), None, None),
    (None, None, None, word(2**256 - 1)),
]


def test_difficulties_beyond_38_digits_keep_all_of_them() -> None:
    assert difficulties(decode(*DOCUMENTS)) == WANTED


def test_both_readers_take_them_and_agree() -> None:
    payloads = [compact(document) for document in DOCUMENTS]
    assert taken_of(payloads) == [True] * len(payloads)
    assert difficulties(decode_strict(payloads, chain=CHAIN)) == WANTED
    assert differences(payloads) == []


@pytest.mark.parametrize("name", ["difficulty", "totalDifficulty"])
def test_what_is_no_word_is_refused(name: str) -> None:
    document = sample_document(5)
    document["block"][name] = hex(2**256)
    (error,) = decode(document).refused
    assert f"block.{name} is" in str(error)
    assert "too large" in str(error)
