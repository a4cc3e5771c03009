"""Which fields that a hash is made of the source left out.

RLP writes nothing, NULL and 0 alike, so that a hash may hold without them: what is hashed over them
is not proved, whatever it gives. core/proofs/encodings.py names the few that may be NULL.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chain_assets.core.proofs.encodings import (
    ABSENT_WITH,
    AURA_SEAL,
    CAME_TOGETHER,
    HEADER_START,
    MAY_BE_ABSENT,
    SEAL,
)
from chain_assets.core.proofs.fields import sealed_by_aura
from chain_assets.core.proofs.rules import ProofRules

Mask = npt.NDArray[np.bool_]
# Columns that are made of two fields: which of them is asked for.
_SAID = {"parity": "v", "gas_fee_cap": "max_fee_per_gas"}


def missing_header_fields(blocks: pa.Table, rules: ProofRules) -> list[str | None]:
    """For each block None, or the first field of its header that the source did not supply."""
    missing: list[str | None] = [None] * blocks.num_rows
    aura = sealed_by_aura(blocks)
    # Some nodes fill the place of a proof of work with zeros.
    due = aura | (blocks["number"].to_numpy() < rules.first_without_aura)
    parts = [
        *((name, np.ones_like(due)) for name in HEADER_START),
        *((name, ~due) for name in SEAL),
        *((name, due) for name in AURA_SEAL),
        *(
            (name, np.any([_there(blocks, other) for other in others], axis=0))
            for name, others in CAME_TOGETHER.items()
        ),
    ]
    for name, of_these in reversed(parts):
        if blocks[name].null_count:
            for row in np.flatnonzero(of_these & ~_there(blocks, name)).tolist():
                missing[row] = _said(name)
    return missing


def absent_transaction_fields(transactions: pa.Table, rules: ProofRules) -> dict[int, str]:
    """By row: the first field that its type is hashed over and that the source left out."""
    kinds = transactions["type"].to_numpy()
    # Types share most of their fields.
    there = cache(partial(_there, transactions))
    found: dict[int, str] = {}
    for kind, fields in rules.transactions.items():
        rows = np.flatnonzero(kinds == kind)
        for name in fields if len(rows) else ():
            if name in MAY_BE_ABSENT or not transactions[name].null_count:
                continue
            absent = ~there(name)[rows]
            if name in ABSENT_WITH:
                absent &= there(ABSENT_WITH[name])[rows]
            for row in rows[absent].tolist():
                found.setdefault(row, _said(name))
    return found


def absent_receipt_fields(transactions: pa.Table, rules: ProofRules) -> dict[int, str]:
    """By row: the first field that its receipt is hashed over and that the source left out.

    Of rows without a receipt as well.
    """
    table, kinds = transactions, transactions["type"].to_numpy()
    absent = {"status": ~(_there(table, "status") | _there(table, "root"))}
    absent["cumulative_gas_used"] = ~_there(table, "cumulative_gas_used")
    for kind, tail in rules.receipt_tails.items():
        ending = (kinds == kind) & _there(table, tail[-1])
        absent |= {name: ending & ~_there(table, name) for name in tail[:-1]}
    found: dict[int, str] = {}
    for name, rows in absent.items():
        for row in np.flatnonzero(rows).tolist():
            found.setdefault(row, name)
    return found


def _there(table: pa.Table, name: str) -> Any:
    """Which rows have a value."""
    column = table[name]
    return column.is_valid().to_numpy() if column.null_count else np.ones(len(column), np.bool_)


def _said(column: str) -> str:
    """The name that a source says a column under."""
    # Of a pair it supplies the number, not the word.
    return _SAID.get(column, column.removesuffix("_raw"))
