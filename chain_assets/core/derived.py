"""What follows from a transaction and its block by Ethereum's rules."""

from __future__ import annotations

from chain_assets.core.keccak import keccak256
from chain_assets.core.rlp import encode


def created_address(sender: bytes, nonce: int) -> bytes:
    """The 20 bytes of the contract that a transaction of `sender` creates (yellow paper, 7)."""
    return keccak256(encode([sender, nonce]))[12:]


def blob_gas_price(excess: int, fraction: int) -> int:
    """Wei per blob gas: e^(excess / fraction) in whole numbers (`fake_exponential`, EIP-4844)."""
    total, term, place = 0, fraction, 1
    while term > 0:
        total += term
        term = term * excess // (fraction * place)
        place += 1
    return total // fraction
