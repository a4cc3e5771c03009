"""RLP lists of many rows at once: what to encode, and the memory for it.

A Group is the rows that share their fields (the transactions of one type); all groups of a batch
are written into one buffer, in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.keccak_batch import Bytes, Longs
from chain_assets.core.proofs.fields import WORDS
from chain_assets.core.proofs.rlp_kernel import (
    ABSENT,
    add_lengths,
    list_lengths,
    write_field,
    write_prefixes,
)
from chain_assets.core.proofs.slices import (
    Slices,
    binary_slices,
    integer_slices,
    list_starts,
    word_slices,
)


@dataclass(frozen=True)
class Group:
    """Rows, and the fields of their lists in order."""

    rows: Longs
    fields: Sequence[Slices]


def encode_lists(groups: Sequence[Group], count: int, *, envelopes: Bytes | None = None) -> Slices:
    """One RLP list for each of `count` rows, in one buffer; empty slices for rows of no group.

    `envelopes` are the EIP-2718 types, by row; 0 (or None) is no envelope.
    """
    kinds = np.zeros(count, np.uint8) if envelopes is None else envelopes
    totals = np.full(count, ABSENT, np.int64)
    for group in groups:
        totals[group.rows] = 0
        for field in group.fields:
            add_lengths(group.rows, field.data, field.starts, field.lengths, field.kind, totals)
    lengths = list_lengths(totals, kinds)
    starts = starts_of(lengths)
    out, cursors = np.empty(int(lengths.sum()), np.uint8), starts.copy()
    for group in groups:
        write_prefixes(group.rows, totals, kinds, out, cursors)
        _write_fields(group, out, cursors)
    return Slices(out, starts, lengths)


def encode_strings(strings: Slices) -> Slices:
    """Each row as an RLP string with its prefix, side by side: the payload of lists of them."""
    rows = np.arange(len(strings))
    lengths = np.zeros(len(strings), np.int64)
    add_lengths(rows, strings.data, strings.starts, strings.lengths, strings.kind, lengths)
    starts = starts_of(lengths)
    out = np.empty(int(lengths.sum()), np.uint8)
    _write_fields(Group(rows, [strings]), out, starts.copy())
    return Slices(out, starts, lengths)


def column_fields(columns: Mapping[str, Any]) -> list[Slices]:
    """The columns as the fields of a list, by their types and names (core/proofs/fields.py)."""
    return [_field(name, column) for name, column in columns.items()]


def _field(name: str, column: Any) -> Slices:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_list(array.type):
        return _children(array.flatten()).spans(list_starts(array))
    if pa.types.is_binary(array.type):
        return word_slices(array) if name in WORDS else binary_slices(array)
    return integer_slices(array)


def _children(array: Any) -> Slices:
    """The elements of all lists of a column, each encoded."""
    if not pa.types.is_struct(array.type):
        return encode_strings(_field("", array))
    names = [array.type.field(index).name for index in range(array.type.num_fields)]
    fields = column_fields(dict(zip(names, array.flatten(), strict=True)))
    return encode_lists([Group(np.arange(len(array)), fields)], len(array))


def _write_fields(group: Group, out: Bytes, cursors: Longs) -> None:
    for field in group.fields:
        write_field(group.rows, field.data, field.starts, field.lengths, field.kind, out, cursors)


def starts_of(lengths: Longs) -> Longs:
    """Where slices of these lengths begin when they lie side by side from 0 on."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]])[: len(lengths)].astype(np.int64)
