"""Decoded arguments as Arrow tables, one for each event or function, without any text.

    address, bytesN    fixed-size binary of 20, of N bytes
    bool               bool
    uint, int          int64 or uint64 up to 64 bits; larger ones as their word, 32 bytes
                       big-endian, in two's complement if signed; so fixed-point numbers too
    bytes, string      binary, string
    arrays, tuples     list, struct
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import (
    BlobColumn,
    Column,
    TupleColumn,
    WordColumn,
)
from chain_assets.core.abi.fates import Positions
from chain_assets.core.abi.outcomes import Candidate, Decoded, Outcome
from chain_assets.core.abi.types import WORD_BYTES, WordType, unique_names
from chain_assets.core.words import Bytes2D


@dataclass(frozen=True)
class ArgumentTable:
    """Row i of `arguments` belongs to row `rows[i]` of what was decoded.

    The columns have the arguments' names, `arg{i}` for one without.
    """

    candidate: Candidate
    rows: Positions
    arguments: Any


def argument_tables(outcomes: Iterable[Outcome], *, before: int = 0) -> list[ArgumentTable]:
    """The decoded rows of `outcomes`; `before` of all rows come before this batch."""
    tables = []
    for outcome in outcomes:
        if isinstance(outcome, Decoded):
            names = unique_names([one.name for one in outcome.candidate.parameters])
            arrays = [array_from_column(column) for column in outcome.columns]
            table = table_of(names, arrays)
            if not outcome.good.all():
                table = table.filter(pa.array(outcome.good))
            tables.append(
                ArgumentTable(outcome.candidate, outcome.rows[outcome.good] + before, table)
            )
    return tables
