"""Decoded columns as JSON text, one object a row, built by joining columns of strings.

Integers become decimal strings (JSON's numbers lose digits beyond 2^53 in most readers),
addresses and bytes lower-case hex with 0x, `bool` true or false, arrays lists, and tuples objects
by the names of their components.

A value is a list of parts, literal text and string columns in turn. Tuples only lengthen the
list, so that a flat event takes a single join, whatever number of arguments it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import (
    BlobColumn,
    Column,
    TupleColumn,
    WordColumn,
)
from chain_assets.core.abi.decimal_text import signed_text, unsigned_text
from chain_assets.core.abi.types import WORD_BYTES, WordType, unique_names
from chain_assets.core.words import Bytes2D

Part = str | Any  # text for every row, or an Arrow string array with one text for each row

# Both hex digits of a byte, as they stand in memory, in one item of two bytes.
_HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)
# What JSON does not take as it is (RFC 8259, section 7).
_ESCAPED = r'["\\\x00-\x1f]'


def render_arguments(names: Sequence[str], columns: Sequence[Column], *, count: int) -> Any:
    """`count` JSON objects, argument name to value, as an Arrow string array.

    No key repeats: an argument without a name is `arg{i}`, and a name that was there before gets
    a number.
    """
    return _join(_object(names, columns), count)


def _object(names: Sequence[str], columns: Sequence[Column]) -> list[Part]:
    parts: list[Part] = ["{"]
    for index, (name, column) in enumerate(zip(unique_names(names), columns, strict=True)):
        parts.append(f"{',' if index else ''}{orjson.dumps(name).decode()}:")
        parts.extend(_value(column))
    return [*parts, "}"]


def _value(column: Column) -> list[Part]:
    if isinstance(column, WordColumn):
        return _word(column.type, column.words)
    if isinstance(column, BlobColumn):
        if column.type.canonical == "bytes":
            return ['"0x', _hex_of_blobs(column.values), '"']
        return ['"', _escaped(column.values), '"']
    if isinstance(column, TupleColumn):
        return _object(column.type.names, column.fields)
    items = _join(_value(column.items), len(column.items))
    lists = pa.ListArray.from_arrays(pa.array(column.offsets, pa.int32()), items)
    return ["[", pc.binary_join(lists, ","), "]"]


def _join(parts: Sequence[Part], count: int) -> Any:
    merged: list[Part] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    if len(merged) == 1 and isinstance(merged[0], str):
        return pa.repeat(pa.scalar(merged[0]), count)
    if len(merged) == 1:
        return merged[0]
    scalars = [pa.scalar(part) if isinstance(part, str) else part for part in merged]
    return pc.binary_join_element_wise(*scalars, "")


def _word(word_type: WordType, words: Bytes2D) -> list[Part]:
    size = word_type.bits // 8
    if word_type.kind == "uint":
        return ['"', unsigned_text(words), '"']
    if word_type.kind == "int":
        return ['"', signed_text(words), '"']
    if word_type.kind == "bool":
        # Rows that are bad are rendered too, and then dropped: their byte may be anything.
        return [pa.array(["false", "true"]).take(pa.array(words[:, -1] & 1))]
    if word_type.kind == "address":
        return ['"0x', _hex_of_rows(words[:, WORD_BYTES - size :]), '"']
    if word_type.kind == "bytesN":
        return ['"0x', _hex_of_rows(words[:, :size]), '"']
    integers = (signed_text if word_type.kind == "fixed" else unsigned_text)(words)
    return ['"', _fixed_point(integers, word_type.places), '"']


def _fixed_point(integers: Any, places: int) -> Any:
    # No compiler has shipped these types yet, so that speed is no concern.
    texts = [f"{Decimal(f'{text}E-{places}'):f}" for text in integers.to_pylist()]
    return pa.array(texts, pa.string())


def _hex_of_rows(rows: Bytes2D) -> Any:
    count, width = rows.shape
    text = _HEX[np.ascontiguousarray(rows)].view(np.uint8)
    offsets = (np.arange(count + 1) * (2 * width)).astype(np.int32)
    return _strings(offsets, text)


def _hex_of_blobs(values: Any) -> Any:
    if not len(values):
        return pa.array([], pa.string())
    _, offsets_buffer, data_buffer = values.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[values.offset :][: len(values) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return _strings((offsets - offsets[0]) * 2, _HEX[data].view(np.uint8))


def _strings(offsets: Any, text: Any) -> Any:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def _escaped(values: Any) -> Any:
    """The strings as they stand between the quotes of JSON."""
    special = pc.match_substring_regex(values, _ESCAPED)
    if not pc.any(special).as_py():
        return values
    escaped = [orjson.dumps(text).decode()[1:-1] for text in values.filter(special).to_pylist()]
    return pc.replace_with_mask(values, special, pa.array(escaped, pa.string()))
