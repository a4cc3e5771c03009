"""Keccak-256 against digests that everyone knows."""

from __future__ import annotations

import pytest

from chain_assets.core.keccak import keccak256, keccak256_many


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        pytest.param(
            b"",
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
            id="the code hash of an account without code",
        ),
        pytest.param(
            b"\xc0",
            "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            id="the uncles hash of a block without uncles",
        ),
        pytest.param(
            b"Transfer(address,address,uint256)",
            "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            id="topic 0 of Transfer",
        ),
    ],
)
def test_the_digest_is_keccak_and_not_sha3(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


def test_many_values_give_the_digest_of_each_in_order() -> None:
    values = [b"k" * length for length in (0, 1, 135, 136, 137, 500)]
    assert keccak256_many(values) == [keccak256(value) for value in values]
