"""Who signed each transaction (yellow paper, appendix F), by coincurve (libsecp256k1).

An option: it costs more than everything else that is proved, and a sender that is not recovered
is taken from the node's word, which no root covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from chain_assets.core.errors import ConfigError
from chain_assets.core.keccak import keccak256
from chain_assets.core.proofs.batch import Mask, ProofBatch
from chain_assets.core.proofs.encodings import SIGNATURE
from chain_assets.core.proofs.plain import Row, row_items
from chain_assets.core.rlp import encode

_LEGACY_V, _CHAIN_V = 27, 35  # what v counts from without and with a chain id (EIP-155)


def foreign_senders(batch: ProofBatch) -> Mask:
    """Marks each transaction whose `from_address` is not who signed it.

    Transactions that nobody signs (deposits, Arbitrum's and Bor's own) are not marked, and neither
    are those that lack a part of what was signed. Raises ConfigError where coincurve is not
    installed.
    """
    if find_spec("coincurve") is None:
        raise ConfigError(
            "senders cannot be recovered without the package coincurve",
            todo="Install it, or prove blocks without recover_senders",
        )
    count = len(SIGNATURE)
    # A legacy transaction's v also has its chain id.
    signed = {
        kind: fields[:-count]
        for kind, fields in batch.rules.transactions.items()
        if kind == 0 or fields[-count:] == SIGNATURE
    }
    rows = zip(batch.transactions.to_pylist(), batch.rebuilt.tolist(), strict=True)
    return np.array(
        [
            rebuilt
            and _has_signature(row)
            and row["type"] in signed
            and _signer(row, signed[row["type"]]) != row["from_address"]
            for row, rebuilt in rows
        ],
        bool,
    )


def _has_signature(row: Row) -> bool:
    # The OP Stack before Bedrock wrote messages from layer 1 as legacy transactions without r.
    return bool(row["r"]) and any(row["r"])


def _signer(row: Row, signed: Sequence[str]) -> bytes | None:
    """The address that signed the fields, or None where the signature is none."""
    import coincurve

    recovery, message = _signed_message(row, signed)
    signature = (row["r"] or b"").rjust(32, b"\0") + (row["s"] or b"").rjust(32, b"\0")
    if len(signature) != 64 or recovery not in (0, 1):
        return None
    try:
        key: Any = coincurve.PublicKey.from_signature_and_message(
            signature + bytes((recovery,)), keccak256(message), hasher=None
        )
    except ValueError:
        return None
    return keccak256(key.format(compressed=False)[1:])[12:]


def _signed_message(row: Row, signed: Sequence[str]) -> tuple[int, bytes]:
    """The recovery id, and what was hashed to be signed."""
    items = row_items(row, signed)
    if row["type"]:
        return row["parity"] or 0, bytes((row["type"],)) + encode(items)
    v = row["v"] or 0
    if v < _CHAIN_V:
        return v - _LEGACY_V, encode(items)
    return (v - _CHAIN_V) % 2, encode([*items, (v - _CHAIN_V) // 2, 0, 0])
