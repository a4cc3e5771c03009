"""How a column's values stand in RLP, by the column's type; and which fields a header has.

    LONG, DECIMAL, BOOLEAN, a 256-bit word   integer: big-endian without leading zeros
    other BINARY                             bytes as they are
    lists                                    lists; a list of structs is a list of lists

A missing value is the empty string, or the empty list, which stand for 0 and for nothing as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.proofs.encodings import AURA_SEAL, HEADER_FORKS
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

SPARSE = tuple(column.name.removesuffix("_raw") for column in TRANSACTIONS.columns if column.sparse)
"""Amounts that are hashed as words where one of a batch does not fit (core/proofs/batch.py)."""

# BINARY like a hash, but an integer to the protocol. `chain_id` is one in authorization lists only.
WORDS = frozenset(
    column.name
    for table in (BLOCKS, TRANSACTIONS, LOGS, WITHDRAWALS)
    for column in table.columns
    if column.kind == "word"
) | {"chain_id", "gas_fee_cap", *SPARSE}

LISTS = frozenset(
    column.name for column in TRANSACTIONS.columns if pa.types.is_list(column.field.type)
)


def sealed_by_aura(blocks: pa.Table) -> npt.NDArray[np.bool_]:
    """Which headers end with an AuRa seal: those that have all of one."""
    step, signature = (blocks[name].is_valid().to_numpy() for name in AURA_SEAL)
    both: npt.NDArray[np.bool_] = step & signature
    return both


def fork_fields(blocks: pa.Table) -> dict[str, Any]:
    """By name of HEADER_FORKS: whether the block's header goes as far as this field."""
    reached: dict[str, Any] = {}
    later = None
    for name in reversed(HEADER_FORKS):
        here = blocks[name].is_valid()
        later = here if later is None else pc.or_(later, here)
        reached[name] = later
    return reached
