"""What Arbitrum's own transactions say beside what they are hashed over: always the same.

    0x6a   ArbOS to itself, nothing moved
    0x69   to the precompile of tickets, nothing moved: a ticket's value is in fields of its own
    0x64   ether from layer 1, no call

Source: Arbitrum Nitro (OffchainLabs/go-ethereum), `core/types/arb_types.go`. Their envelopes leave
these out, so that no root would tell that a node made them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.proofs.batch import Mask, ProofBatch, integers

_ARBOS = bytes.fromhex("00000000000000000000000000000000000a4b05")
_TICKETS = bytes.fromhex("000000000000000000000000000000000000006e")
_ALWAYS: dict[int, dict[str, bytes]] = {
    0x6A: {"from_address": _ARBOS, "to_address": _ARBOS},
    0x69: {"to_address": _TICKETS},
    0x64: {"input": b""},
}
_MOVE_NOTHING = (0x6A, 0x69)


def unsigned_checks(batch: ProofBatch) -> Iterator[tuple[Mask, str]]:
    """(bad transactions, reason) of each check; nothing on chains of other families."""
    if batch.rules.family != "arbitrum":
        return
    table, kinds = batch.transactions, integers(batch.transactions["type"])
    for kind, always in _ALWAYS.items():
        rows = np.flatnonzero(kinds == kind)
        if not len(rows):
            continue
        few, wrong = table.take(pa.array(rows)), np.zeros(len(kinds), np.bool_)
        right = [_flags(pc.equal(few[name], said)) for name, said in always.items()]
        if kind in _MOVE_NOTHING:
            right.append(_moves_nothing(few["value"]))
        wrong[rows] = ~np.all(right, axis=0)
        yield wrong, f"transaction {{0}}, of type {kind:#x}, says more than such a one can"


def _moves_nothing(value: Any) -> Mask:
    # In words where an amount of the batch is 10^38 or more.
    zero = bytes(32) if pa.types.is_binary(value.type) else Decimal(0)
    return _flags(pc.equal(value, pa.scalar(zero, value.type)))


def _flags(equal: Any) -> Mask:
    flags: Mask = pc.fill_null(equal, False).to_numpy()
    return flags
