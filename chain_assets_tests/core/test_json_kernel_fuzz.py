"""Damaged blocks: the kernel takes none that the strict reader refuses, and reads no other value.

CHAIN_ASSETS_FUZZED_BLOCKS says how many blocks are damaged, CHAIN_ASSETS_FUZZ_SEED from which seed
on; a failure names the seed and the text.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from chain_assets.core.block_json import decode_blocks
from chain_assets.core.block_tables import RawPayload
from chain_assets.core.json_strict import decode_strict
from chain_assets_tests.core.arbitrum_rows import EVERY_TYPE
from chain_assets_tests.core.aura_seals import ERIGON, NETHERMIND
from chain_assets_tests.core.json_mutations import mutate
from chain_assets_tests.core.json_readers import (
    compact,
    devnet_payloads,
    differences,
    real_payloads,
    shortened,
    tables_of,
    taken_of,
)
from chain_assets_tests.core.json_texts import rich_document
from chain_assets_tests.core.proof_blocks import sealed

_BLOCKS = int(os.environ.get("CHAIN_ASSETS_FUZZED_BLOCKS", "3000"))
_SEED = int(os.environ.get("CHAIN_ASSETS_FUZZ_SEED", "1"))
# Blocks decoded together: what a declined one leaves behind would show in its neighbours.
_TOGETHER = 100


@pytest.fixture(scope="module")
def devnet_blocks() -> list[RawPayload]:
    """Small blocks with every type of transaction."""
    many = devnet_payloads(transactions=5, blocks=30)
    return [shortened(raw, transactions=1 + index % 5) for index, raw in enumerate(many)]


def _damaged(blocks: Sequence[RawPayload], *, seed: int, count: int) -> list[RawPayload]:
    random = Random(seed)
    chosen = [random.choice(blocks) for _ in range(count)]
    return [replace(raw, payload=mutate(random, raw.payload)) for raw in chosen]


def _compare(blocks: Sequence[RawPayload], *, count: int) -> None:
    sys.stdout.write(f"seeds from {_SEED}, {count} damaged blocks\n")
    taken = 0
    for seed in range(_SEED, _SEED + -(-count // _TOGETHER)):
        damaged = _damaged(blocks, seed=seed, count=_TOGETHER)
        if differences(damaged):
            alone = {raw.payload: found for raw in damaged if (found := differences([raw]))}
            pytest.fail(f"seed {seed}: {alone or differences(damaged)}")
        taken += sum(taken_of(damaged))
    # Otherwise nothing was compared.
    assert 0.1 * count < taken < 0.9 * count


@pytest.mark.timeout(3600)
def test_damaged_devnet_blocks_are_read_alike_or_left_to_the_strict_reader(
    devnet_blocks: list[RawPayload],
) -> None:
    _compare(devnet_blocks, count=_BLOCKS // 2)


@pytest.mark.timeout(3600)
def test_damaged_real_blocks_are_read_alike_or_left_to_the_strict_reader(
    real_blocks: Path,
) -> None:
    blocks = [
        shortened(raw, transactions=1 + index % 5)
        for index, raw in enumerate(real_payloads(real_blocks))
    ]
    _compare(blocks, count=_BLOCKS - _BLOCKS // 2)


@pytest.mark.timeout(3600)
def test_damaged_blocks_with_fields_of_other_chains_are_read_alike() -> None:
    blocks = [sealed([made]) for made in EVERY_TYPE.values()]
    blocks.append(sealed(list(EVERY_TYPE.values())))
    blocks += [sealed([], **seal) for seal in (NETHERMIND, {**ERIGON, **NETHERMIND})]
    _compare([compact(block) for block in blocks], count=_BLOCKS // 4)


@pytest.mark.parametrize(
    "byte", [b'"', b" ", b"0", b"g", b"}", b",", b"\x00", b"\x1f", b"\x80", b""]
)
def test_no_single_byte_of_a_block_can_be_wrong_unnoticed(byte: bytes) -> None:
    raw = compact(rich_document(5))
    text = raw.payload
    damaged = [
        replace(raw, payload=text[:at] + byte + text[at + 1 :])
        for at in range(len(text))
        if text[at : at + 1] != byte
    ]
    assert taken_of([raw]) == [True]
    assert not differences(damaged)


def test_no_block_that_ends_early_is_taken() -> None:
    raw = compact(rich_document(5))
    cut = [replace(raw, payload=raw.payload[:end]) for end in range(len(raw.payload))]
    assert not any(taken_of(cut))


@pytest.mark.parametrize("seed", range(_SEED, _SEED + 3))
def test_blocks_of_both_readers_come_in_the_order_of_their_payloads(
    devnet_blocks: list[RawPayload], seed: int
) -> None:
    random = Random(seed)
    ways = (lambda text: text, lambda text: b" " + text, lambda text: mutate(random, text))
    mixed = [replace(raw, payload=random.choice(ways)(raw.payload)) for raw in devnet_blocks]
    decoded, wanted = decode_blocks(mixed, chain="test"), decode_strict(mixed, chain="test")
    assert 0 < sum(taken_of(mixed)) < decoded.blocks.num_rows < len(mixed)
    assert all(
        own.equals(other) for own, other in zip(tables_of(decoded), tables_of(wanted), strict=True)
    )
    assert decoded.unknown_fields == wanted.unknown_fields
    assert [str(error) for error in decoded.refused] == [str(error) for error in wanted.refused]
