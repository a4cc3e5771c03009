"""What a generic JSON reader still needs: nested text columns to the typed columns of core/schemas.

    nested Arrow table of text     flat columns         numpy: two hex digits to a byte at once
    block{transactions[{…}], …} →  block, transaction → int64, decimal128, binary
    receipts[{logs[{…}]}]          receipt, log, …

The same for every reader, so that what differs is the reader. Lists in transactions (access lists,
blob hashes, authorizations) are left out, nothing is checked and no unknown key is counted: less
than decode_blocks does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.block_tables import BLOCK_TABLES, json_columns_of
from chain_assets.core.schemas.columns import ARROW_TYPES, Kind

_LISTS = ("hashes", "access_list", "authorization_list")
_COUNTS = ("block.transactions", "block.withdrawals", "receipt.logs")
# Of each kind of object, the keys that become columns and how.
KEYS: dict[str, dict[str, Kind]] = {
    kind: {} for kind in ("block", "transaction", "receipt", "log", "withdrawal")
}
for _table in BLOCK_TABLES:
    for _column in json_columns_of(_table):
        if _column.kind not in _LISTS and _column.json_path not in _COUNTS:
            _kind, _key = _column.json_path.split(".")
            if _key != "topics":
                KEYS[_kind][_key] = _column.kind

_DIGITS = np.full(256, 0, np.uint8)
for _character in b"0123456789abcdefABCDEF":
    _DIGITS[_character] = int(chr(_character), 16)
_PAIRS = np.arange(65536)
_BYTE_OF_PAIR = ((_DIGITS[_PAIRS & 255] << 4) | _DIGITS[_PAIRS >> 8]).astype(np.uint8)


def nested_schema() -> pa.Schema:
    """The schema of a document as a reader is given it: text, lists and structs."""
    log = _struct("log", pa.field("topics", pa.list_(pa.string())))
    receipt = _struct("receipt", pa.field("logs", pa.list_(log)))
    block = _struct(
        "block",
        pa.field("transactions", pa.list_(_struct("transaction"))),
        pa.field("withdrawals", pa.list_(_struct("withdrawal"))),
    )
    return pa.schema([pa.field("block", block), pa.field("receipts", pa.list_(receipt))])


def _struct(kind: str, *more: pa.Field) -> pa.DataType:
    own = [
        pa.field(key, pa.bool_() if how == "bool" else pa.string())
        for key, how in KEYS[kind].items()
    ]
    return pa.struct([*own, *more])


def typed_from_nested(documents: pa.Table) -> dict[str, dict[str, pa.Array]]:
    """Typed columns of each kind of object, from a table of nested_schema()."""
    blocks = _one(documents["block"])
    receipts = pc.list_flatten(_one(documents["receipts"]))
    logs = pc.list_flatten(pc.struct_field(receipts, "logs"))
    columns = {
        "block": blocks,
        "transaction": pc.list_flatten(pc.struct_field(blocks, "transactions")),
        "withdrawal": pc.list_flatten(pc.struct_field(blocks, "withdrawals")),
        "receipt": receipts,
        "log": logs,
    }
    texts = {
        kind: {key: pc.struct_field(rows, key) for key in KEYS[kind]}
        for kind, rows in columns.items()
    }
    return typed_from_texts(texts, topics=pc.struct_field(logs, "topics"))


def typed_from_texts(
    texts: dict[str, dict[str, pa.Array]], *, topics: pa.Array
) -> dict[str, dict[str, pa.Array]]:
    """Typed columns from columns of text; `topics` are lists of text."""
    typed = {
        kind: {key: typed_column(texts[kind][key], how) for key, how in keys.items()}
        for kind, keys in KEYS.items()
    }
    lengths = pc.list_value_length(topics)
    for index in range(4):
        here = pc.greater(lengths, index)
        own = pc.list_element(topics.filter(here), index)
        places = pc.if_else(here, pc.subtract(pc.cumulative_sum(pc.cast(here, "int64")), 1), None)
        typed["log"][f"topic{index}"] = typed_column(own, "hash").take(places)
    return typed


def typed_column(texts: pa.Array, kind: Kind) -> pa.Array:
    """Text as the column's type."""
    if pa.types.is_large_string(texts.type) or pa.types.is_string_view(texts.type):
        texts = pc.cast(texts, pa.string())
    if kind in ("bool", "text"):
        return texts
    if kind == "quantity":
        return pc.cast(texts, pa.int64())
    if kind == "timestamp":
        seconds = pc.multiply(pc.cast(texts, pa.int64()), 1_000_000)
        return pc.cast(seconds, ARROW_TYPES["timestamp"])
    if kind in ("amount", "word"):
        return _padded(texts, kind)
    offsets, characters, validity = _parts(texts)
    data = _BYTE_OF_PAIR[characters.view(np.uint16)]
    keep = np.ones(len(data), np.bool_)
    present = np.diff(offsets) > 0
    keep[offsets[:-1][present] // 2] = False  # the byte that "0x" became
    ends = offsets // 2 - np.concatenate([[0], np.cumsum(present)])
    buffers = [validity, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(data[keep])]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers)


def _padded(texts: pa.Array, kind: Kind) -> pa.Array:
    """Quantities of any length as 32 bytes, or as decimals of 16."""
    padded = pc.utf8_lpad(pc.utf8_slice_codeunits(texts, 2), 64, "0")
    offsets, characters, validity = _parts(padded)
    words = _BYTE_OF_PAIR[characters.view(np.uint16)].reshape(-1, 32)
    if kind == "word":
        ends = pa.py_buffer((offsets // 2).astype(np.int32))
        return pa.Array.from_buffers(
            pa.binary(), len(texts), [validity, ends, pa.py_buffer(words.tobytes())]
        )
    values = np.zeros((len(texts), 16), np.uint8)
    values[np.diff(offsets) > 0] = words[:, :15:-1]
    buffers = [validity, pa.py_buffer(values.tobytes())]
    return pa.Array.from_buffers(ARROW_TYPES["amount"], len(texts), buffers)


def _one(column: Any) -> pa.Array:
    combined = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def _parts(texts: pa.Array) -> tuple[Any, Any, pa.Buffer | None]:
    """Offsets from 0, characters, and validity."""
    if texts.offset:
        texts = pa.concat_arrays([texts, texts.slice(0, 0)])
    validity, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[: len(texts) + 1]
    characters = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return offsets - offsets[0], characters[offsets[0] : offsets[-1]], validity
