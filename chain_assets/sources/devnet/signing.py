"""Real secp256k1 signatures at the price of one multiplication each.

Signing costs a scalar multiplication on the curve, some milliseconds in plain Python, because
both the key and the secret k of each signature must be unguessable. A devnet's need not be: its
keys are the numbers 1, 2, 3, … and its k are the next ones, so that one table of the first
multiples of the generator, each the one before plus G, gives all public keys and all values r.

Such signatures give the private key away. That is no loss: everyone knows these keys, and nothing
of worth may ever be sent to their addresses on a real chain.

Curve and formulas: SEC 2 (secp256k1), SEC 1 section 4.1.3 (ECDSA), EIP-2 (s in the lower half).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from chain_assets.core.keccak import keccak256

ACCOUNTS = 400
"""How many accounts can sign."""

_NONCES = 600
_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

_Point = tuple[int, int]


class Signature(NamedTuple):
    """An ECDSA signature; `y_parity` is the parity of the y of the point whose x is `r`."""

    y_parity: int
    r: int
    s: int


def sign(account: int, digest: bytes, *, nonce: int) -> Signature:
    """Account `account`'s signature of the 32 bytes `digest`. Any two `nonce` differ in `r`."""
    x, y, inverse = _secrets()[nonce % _NONCES]
    s = inverse * (int.from_bytes(digest, "big") + x * (account + 1)) % _N
    parity = y & 1
    if s > _N // 2:
        # EIP-2: of the two valid s only the lower is valid in a transaction.
        return Signature(parity ^ 1, x, _N - s)
    return Signature(parity, x, s)


@cache
def account_addresses() -> tuple[bytes, ...]:
    """The 20-byte addresses of the signing accounts; account i has the private key i + 1."""
    return tuple(
        keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]
        for x, y in _multiples()[:ACCOUNTS]
    )


@cache
def _secrets() -> list[tuple[int, int, int]]:
    """For each k above the private keys: x and y of k times G, and the inverse of k."""
    return [
        (x, y, pow(k, -1, _N)) for k, (x, y) in enumerate(_multiples()[ACCOUNTS:], ACCOUNTS + 1)
    ]


@cache
def _multiples() -> list[_Point]:
    """1 G, 2 G, 3 G, …"""
    points = [_G]
    while len(points) < ACCOUNTS + _NONCES:
        points.append(_add_generator(points[-1]))
    return points


def _add_generator(point: _Point) -> _Point:
    x, y = point
    rise, run = (3 * x * x, 2 * y) if point == _G else (y - _G[1], x - _G[0])
    slope = rise * pow(run, -1, _P)
    sum_x = (slope * slope - x - _G[0]) % _P
    return sum_x, (slope * (x - sum_x) - y) % _P
