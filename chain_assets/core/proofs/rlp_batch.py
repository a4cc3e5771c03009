"""RLP lists of many rows at once: what to encode, and the memory for it.

A Group is the rows that share their fields (the transactions of one type); all groups of a batch
are written into one buffer, in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.keccak_batch import Bytes, Longs
from chain_assets.core.proofs.fields import WORDS
from chain_assets.core.proofs.rlp_kernel import (
    ABSENT,
    list_lengths,
    list_payloads,
    write_lists,
    write_strings,
)
from chain_assets.core.proofs.slices import (
    Slices,
    binary_slices,
    field_table,
    integer_slices,
    list_starts,
    one_array,
    word_slices,
)


@dataclass(frozen=True)
class Group:
    """Rows, and the fields of their lists in order."""

    rows: Longs
    fields: Sequence[Slices]


def encode_lists(
    groups: Sequence[Group],
    count: int,
    *,
    envelopes: Bytes | None = None,
    room: int = 0,
    fill: Callable[[], None] | None = None,
) -> Slices:
    """One RLP list for each of `count` rows, in one buffer; empty slices for rows of no group.

    `envelopes` are the EIP-2718 types, by row; 0 (or None) is no envelope. `room` bytes are left
    free in front of each list. `fill` is called in the end, to write what HOLEs are for.
    """
    kinds = np.zeros(count, np.uint8) if envelopes is None else envelopes
    totals = np.full(count, ABSENT, np.int64)
    tables = [(group.rows, field_table(group.fields, count)) for group in groups]
    for rows, table in tables:
        list_payloads(rows, table, totals)
    lengths = list_lengths(totals, kinds)
    starts = starts_of(lengths + room) + room
    # Arrow keeps freed memory at hand. numpy's goes back to the system when it is large, which then
    # has to clear it page by page for the next batch.
    out = np.frombuffer(pa.allocate_buffer(int(lengths.sum()) + room * count), np.uint8)
    for rows, table in tables:
        write_lists(rows, table, totals, kinds, out, starts)
    if fill is not None:
        fill()
    return Slices(out, starts, lengths, room=room)


def encode_strings(strings: Slices) -> Slices:
    """Each row as an RLP string with its prefix, side by side: the payload of lists of them."""
    rows, table = np.arange(len(strings)), field_table([strings], len(strings))
    lengths = np.zeros(len(strings), np.int64)
    list_payloads(rows, table, lengths)
    starts = starts_of(lengths)
    out = np.empty(int(lengths.sum()), np.uint8)
    write_strings(table, out, starts)
    return Slices(out, starts, lengths)


def column_fields(columns: Mapping[str, Any]) -> list[Slices]:
    """The columns as the fields of a list, by their types and names (core/proofs/fields.py)."""
    return [_field(name, column) for name, column in columns.items()]


def _field(name: str, column: Any) -> Slices:
    array = one_array(column)
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


def starts_of(lengths: Longs) -> Longs:
    """Where slices of these lengths begin when they lie side by side from 0 on."""
    return np.concatenate([[0], np.cumsum(lengths)[:-1]])[: len(lengths)].astype(np.int64)
