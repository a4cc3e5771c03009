"""Decoded arguments as Arrow tables, one for each event or function, without any text.

address, bytesN    fixed-size binary of 20, of N bytes
bool               bool
uint, int          int64 or uint64 up to 64 bits; larger ones as their word, 32 bytes
                   big-endian, in two's complement if signed; so fixed-point numbers too
bytes, string      binary, string
arrays, tuples     list, struct
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
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
from chain_assets.core.abi.types import WORD_BYTES, TupleType, WordType, unique_names


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
            arrays = [array_from_column(column) for column in outcome.columns]
            if not outcome.good.all():
                arrays = [array.filter(pa.array(outcome.good)) for array in arrays]
            rows = outcome.rows[outcome.good] + before
            tables.append(argument_table(outcome.candidate, rows, arrays))
    return tables


def argument_table(candidate: Candidate, rows: Positions, arrays: Sequence[Any]) -> ArgumentTable:
    """`arrays` are the arguments of `rows`, in the order of the declaration."""
    names = candidate.argument_names
    return ArgumentTable(candidate, rows, pa.Table.from_arrays(arrays, names=names))


def merge_tables(tables: Iterable[ArgumentTable]) -> list[ArgumentTable]:
    """One table for each candidate, in the order of their first rows."""
    parts: dict[int, list[ArgumentTable]] = {}
    for table in tables:
        parts.setdefault(id(table.candidate), []).append(table)
    merged = [own[0] if len(own) == 1 else _merged(own) for own in parts.values()]
    return sorted(merged, key=lambda one: int(one.rows[0]))


def _merged(parts: Sequence[ArgumentTable]) -> ArgumentTable:
    rows = np.concatenate([one.rows for one in parts])
    arguments = pa.concat_tables([one.arguments for one in parts])
    if (rows[1:] < rows[:-1]).any():
        order = np.argsort(rows)
        # A table without columns has no rows that could be taken.
        arguments = arguments.take(pa.array(order)) if arguments.num_columns else arguments
        rows = rows[order]
    return ArgumentTable(parts[0].candidate, rows, arguments)


def array_from_column(column: Column) -> Any:
    """An Arrow array of the values of a decoded column."""
    if isinstance(column, WordColumn):
        place = stored(column.type)
        kept = column.words[:, place.first : place.first + place.width]
        if place.is_number:
            kept = kept[:, ::-1]  # Arrow's integers are those of the machine
        return word_array(place, pa.py_buffer(np.ascontiguousarray(kept)), len(column))
    if isinstance(column, BlobColumn):
        return column.values
    if isinstance(column, TupleColumn):
        fields = [array_from_column(field) for field in column.fields]
        return struct_array(column.type, fields)
    offsets = pa.array(column.offsets, pa.int32())
    return pa.ListArray.from_arrays(offsets, array_from_column(column.items))


@dataclass(frozen=True)
class Stored:
    """What is kept of a word: `width` bytes from the byte `first` on, as values of `arrow_type`.

    A number is kept little-endian.
    """

    first: int
    width: int
    arrow_type: Any
    is_number: bool = False


# One for each of the few types that there are: a wide event has them made for every batch.
@cache
def stored(kind: WordType) -> Stored:
    """What is kept of a word of this type."""
    width = kind.bits // 8
    if kind.kind == "bytesN":
        return Stored(0, width, pa.binary(width))
    if kind.kind == "bool":
        return Stored(WORD_BYTES - width, width, pa.bool_())
    if kind.kind == "address":
        return Stored(WORD_BYTES - width, width, pa.binary(width))
    if kind.kind in ("uint", "int") and kind.bits <= 64:
        arrow_type = pa.uint64() if kind.kind == "uint" else pa.int64()
        return Stored(WORD_BYTES - 8, 8, arrow_type, is_number=True)
    return Stored(0, WORD_BYTES, pa.binary(WORD_BYTES))


def word_array(place: Stored, kept: Any, count: int) -> Any:
    """`count` values from a buffer of the bytes that are kept of each."""
    if place.arrow_type == pa.bool_():
        flags = np.frombuffer(kept, np.uint8, count)
        kept = pa.py_buffer(np.packbits(flags, bitorder="little"))
    return pa.Array.from_buffers(place.arrow_type, count, [None, kept], 0)


def struct_array(kind: TupleType, fields: Sequence[Any]) -> Any:
    """A tuple's components as one array."""
    return pa.StructArray.from_arrays(fields, names=unique_names(kind.names))
