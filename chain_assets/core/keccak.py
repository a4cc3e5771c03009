"""Keccak-256, the hash of Ethereum (yellow paper, section 3; not NIST's SHA3-256).

The backend is named here. `eth_hash.auto` would choose one by the environment and by what happens
to be installed, so that two workers of one job could run different code.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.backends import pycryptodome


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `data`."""
    return pycryptodome.keccak256(data)


def keccak256_many(values: Sequence[bytes]) -> list[bytes]:
    """One 32-byte digest for each value, in order.

    Callers that hold many values call this one, so that a batch kernel has one place to go.
    """
    return [keccak256(value) for value in values]
