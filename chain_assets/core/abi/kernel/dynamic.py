"""Arguments of any type as columns: a walk to count the values, and one to copy them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import (
    BlobColumn,
    Column,
    ListColumn,
    TupleColumn,
    WordColumn,
)
from chain_assets.core.abi.fates import Mask
from chain_assets.core.abi.kernel.programs import Program
from chain_assets.core.abi.kernel.sources import Longs, Sources
from chain_assets.core.abi.kernel.walk import copy_rows, count_rows
from chain_assets.core.abi.types import WORD_BYTES, ArrayType, BlobType, TupleType, WordType

# The offsets of a blob column have 32 bits.
_MOST_BYTES = 1 << 30


def decode_rows(program: Program, sources: Sources, rows: Longs) -> tuple[list[Column], Mask]:
    """The columns of the rows that are good, and which of `rows` those are.

    The others may be good as well (see kernel/walk.py), but this route does not say so.
    """
    nodes, first_topic = program.nodes, program.first_topic
    good = np.empty(len(rows), np.bool_)
    totals = np.zeros((len(nodes), 2), np.int64)
    count_rows(nodes, first_topic, sources.columns, rows, good, totals)
    if totals.max(initial=0) > _MOST_BYTES:
        return [], np.zeros(len(rows), np.bool_)
    room = [
        _room(kind, int(values), int(parts))
        for kind, (values, parts) in zip(program.types, totals, strict=True)
    ]
    targets = np.array([[one.ctypes.data for one in pair] for pair in room], np.int64)
    kept = rows[good]
    copy_rows(nodes, first_topic, sources.columns, kept, np.zeros_like(totals), targets)
    return [_column(program, room, index, len(kept)) for index in program.arguments], good


def _room(kind: Any, values: int, parts: int) -> tuple[Any, Any]:
    """For a node: its words or the offsets of its values, and its bytes."""
    nothing = np.empty(0, np.uint8)
    if isinstance(kind, WordType):
        return np.empty((values, WORD_BYTES), np.uint8), nothing
    if isinstance(kind, BlobType):
        return np.zeros(values + 1, np.int32), np.empty(parts, np.uint8)
    if isinstance(kind, ArrayType):
        return np.zeros(values + 1, np.int64), nothing
    return nothing, nothing


def _column(program: Program, room: list[tuple[Any, Any]], index: int, count: int) -> Column:
    kind, first = program.types[index], int(program.nodes["first"][index])
    own, content = room[index]
    if isinstance(kind, WordType):
        return WordColumn(kind, own)
    if isinstance(kind, BlobType):
        arrow_type = pa.string() if kind.canonical == "string" else pa.binary()
        buffers = [None, pa.py_buffer(own), pa.py_buffer(content)]
        return BlobColumn(kind, pa.Array.from_buffers(arrow_type, len(own) - 1, buffers))
    if isinstance(kind, ArrayType):
        return ListColumn(kind, own, _column(program, room, first, int(own[-1])))
    assert isinstance(kind, TupleType)
    fields = [_column(program, room, first + n, count) for n in range(len(kind.components))]
    return TupleColumn(kind, tuple(fields))
