"""Decoded columns as Python values, row by row, for tests.

The values are those of `eth_abi.decode`: int, bool, bytes, str, Decimal, addresses as lower-case
hex text, arrays and tuples as tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa

from chain_assets.core.abi.columns import (
    BlobColumn,
    Column,
    TupleColumn,
    WordColumn,
    binary_column,
)
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import RowFates
from chain_assets.core.abi.type_text import parse_type
from chain_assets.core.abi.types import WordType


def decode_values(
    types: Sequence[str], data: Sequence[bytes]
) -> tuple[list[tuple[object, ...] | None], list[str | None]]:
    """Each item of `data` decoded as arguments of `types` (ABI type texts).

    Two lists as long as `data`: the values, None where the bytes do not follow the rules, and
    the reason, None where they do. Raises ReferenceFileError for a text that is no ABI type.
    """
    source = binary_column(pa.array(data, pa.binary()))
    fates = RowFates(source.sizes)
    parsed = [parse_type(text) for text in types]
    columns = decode_arguments(
        parsed,
        [""] * len(parsed),
        source=source,
        starts=source.starts,
        ends=source.ends,
        fates=fates,
    )
    lists = [values_from_column(column) for column in columns]
    rows = list(zip(*lists, strict=True)) if lists else [() for _ in data]
    good = fates.all_good().tolist()
    values = [row if kept else None for row, kept in zip(rows, good, strict=True)]
    return values, fates.reasons().to_pylist()


def values_from_column(column: Column) -> list[object]:
    """One Python value for each value of the column."""
    if isinstance(column, WordColumn):
        return [_word(column.type, word.tobytes()) for word in column.words]
    if isinstance(column, BlobColumn):
        return list(column.values.to_pylist())
    if isinstance(column, TupleColumn):
        return list(zip(*(values_from_column(field) for field in column.fields), strict=True))
    items = values_from_column(column.items)
    bounds = zip(column.offsets[:-1], column.offsets[1:], strict=True)
    return [tuple(items[start:end]) for start, end in bounds]


def _word(word_type: WordType, raw: bytes) -> object:
    match word_type.kind:
        case "uint":
            return int.from_bytes(raw, "big")
        case "int":
            return int.from_bytes(raw, "big", signed=True)
        case "bool":
            return raw[-1] == 1
        case "address":
            return f"0x{raw[12:].hex()}"
        case "bytesN":
            return raw[: word_type.bits // 8]
        case "fixed" | "ufixed":
            signed = word_type.kind == "fixed"
            return Decimal(f"{int.from_bytes(raw, 'big', signed=signed)}E-{word_type.places}")
