"""Raw block JSON to typed Arrow tables, the plain way: what decides when readers differ.

    payloads  →  rows of JSON objects  →  one list of values a column  →  Arrow columns
    (bytes)      block, transaction,      (core/schemas says which)       (core/json_columns.py)
                 receipt, log, withdrawal

It decodes whatever core/json_kernel will not take, everything where numba is missing, and it alone
says what is wrong with a block that is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain as concatenate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.block_tables import (
    KNOWN_PATHS,
    OBJECT_OF,
    OTHER_KEYS,
    REQUIRED_PATHS,
    BlockTables,
    RawPayload,
    json_columns_of,
    json_schema_of,
)
from chain_assets.core.errors import DecodeError
from chain_assets.core.json_columns import NESTED_KEYS, BadValue, column_from_json
from chain_assets.core.json_documents import Json, Refusal, read_document
from chain_assets.core.schemas.columns import Column, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS
from chain_assets.core.words import decimal_from_binary

_NO_WORD = pa.scalar(None, pa.binary())
_DECIMAL = re.compile("[0-9]{1,18}")


def decode_strict(payloads: Sequence[RawPayload], *, chain: str) -> BlockTables:
    """Decode `payloads`; blocks with a bad value are left out and told of in `refused`.

    One bad value refuses its whole block, with the path of the value, and no other block. Fields
    that no column names are counted, by path.
    """
    return decode_and_place(payloads, chain=chain)[0]


def decode_and_place(
    payloads: Sequence[RawPayload], *, chain: str
) -> tuple[BlockTables, tuple[int, ...]]:
    """decode_strict, and the places in `payloads` of the blocks that were not refused."""
    documents: dict[int, Json] = {}
    refused: dict[int, Refusal] = {}
    for place, raw in enumerate(payloads):
        try:
            documents[place] = read_document(raw)
        except Refusal as refusal:
            refused[place] = refusal
    try:
        parts = [_decoded(list(documents.values()))]
    except Refusal:
        # Each alone, once: to leave out one and read all others again, as often as one is refused,
        # would take time with the square of their number.
        parts = []
        for place, document in documents.items():
            try:
                parts.append(_decoded([document]))
            except Refusal as refusal:
                refused[place] = refusal
    errors = [_error(payloads[place], refused[place], chain=chain) for place in sorted(refused)]
    kept = tuple(place for place in documents if place not in refused)
    return _together(parts or [_decoded([])], tuple(errors)), kept


def _decoded(documents: Sequence[Json]) -> BlockTables:
    """The rows of all documents. Raises Refusal where one of them has a bad value."""
    rows = _Rows(documents)
    return BlockTables(
        blocks=_table(BLOCKS, rows),
        transactions=_table(TRANSACTIONS, rows),
        logs=_table(LOGS, rows),
        withdrawals=_table(WITHDRAWALS, rows),
        unknown_fields=_unknown_fields(rows),
        refused=(),
    )


def _together(parts: Sequence[BlockTables], refused: tuple[DecodeError, ...]) -> BlockTables:
    return BlockTables(
        blocks=pa.concat_tables([part.blocks for part in parts]),
        transactions=pa.concat_tables([part.transactions for part in parts]),
        logs=pa.concat_tables([part.logs for part in parts]),
        withdrawals=pa.concat_tables([part.withdrawals for part in parts]),
        unknown_fields=sum((part.unknown_fields for part in parts), Counter()),
        refused=refused,
    )


def _error(raw: RawPayload, refusal: Refusal, *, chain: str) -> DecodeError:
    todo = "Have the block fetched again, from another provider if it stays so"
    return DecodeError(str(refusal), chain=chain, block=raw.number, todo=todo)


class _Rows:
    """The JSON objects of many blocks side by side, by what they are.

    `objects["receipt"][i]` belongs to `objects["transaction"][i]`; it is empty where the block has
    no receipts. `owners[kind][i]` is the index of the block that object i is of.
    """

    def __init__(self, documents: Sequence[Json]) -> None:
        blocks = [document["block"] for document in documents]
        transactions = [block["transactions"] for block in blocks]
        receipts = [
            [{}] * len(own) if document.get("receipts") is None else document["receipts"]
            for document, own in zip(documents, transactions, strict=True)
        ]
        logs = [[log for r in own for log in r.get("logs", ())] for own in receipts]
        by_block: dict[str, list[list[Json]]] = {
            "block": [[block] for block in blocks],
            "transaction": transactions,
            "receipt": receipts,
            "log": logs,
            "withdrawal": [block.get("withdrawals") or [] for block in blocks],
        }
        self.objects = {kind: list(concatenate(*own)) for kind, own in by_block.items()}
        self.owners = {
            kind: [index for index, objects in enumerate(own) for _ in objects]
            for kind, own in by_block.items()
        }
        self.log_counts = [
            None if document.get("receipts") is None else len(own)
            for document, own in zip(documents, logs, strict=True)
        ]


def _table(table: Table, rows: _Rows) -> pa.Table:
    kind = OBJECT_OF[table.name]
    arrays = {}
    for column in json_columns_of(table):
        if (count := _COUNTS.get((table.name, column.name))) is not None:
            arrays[column.name] = pa.array(count(rows), pa.int64())
        elif column.json_path.startswith("block.") and kind != "block":
            arrays[column.name] = _column(column, rows, "block").take(
                pa.array(rows.owners[kind], pa.int64())
            )
        else:
            paired = table.word_of(column) is not None
            read = replace(column, kind="word") if paired else column
            values = _column(read, rows, column.json_path.split(".")[0])
            if column.sparse:
                values = pc.if_else(decimal_from_binary(values).is_null(), values, _NO_WORD)
            arrays[column.name] = decimal_from_binary(values) if paired else values
    return pa.table(arrays, schema=json_schema_of(table))


def _column(column: Column, rows: _Rows, kind: str) -> pa.Array:
    key = column.json_path.split(".")[1]
    objects = rows.objects[kind]
    if key == "topics":
        values = _topics(objects, int(column.name[-1]))
    elif column.json_path == "transaction.type":
        # Nodes older than Berlin name no type, Hedera's relay says null; EIP-2718 calls what they
        # mean a legacy transaction.
        values = ["0x0" if o.get("type") is None else o["type"] for o in objects]
    elif column.json_path == "receipt.root":
        # DATA of no bytes is no state root: Bor and Harmony write it beside the status.
        values = [None if o.get("root") == "0x" else o.get("root") for o in objects]
    elif column.json_path in OTHER_KEYS:
        values = [_of_seal(o, key, OTHER_KEYS[column.json_path].split(".")[1]) for o in objects]
    else:
        values = [o.get(key) for o in objects]
    try:
        required = not column.nullable or column.json_path in REQUIRED_PATHS
        if required and None in values:
            raise BadValue(values.index(None), "is missing")
        return column_from_json(values, column.kind)
    except BadValue as bad:
        owner = rows.owners[kind][bad.index]
        place = bad.index - rows.owners[kind].index(owner)
        path = f"block.{key}" if kind == "block" else f"{kind} {place}: {key}"
        raise Refusal(f"{path} {bad}", block=owner) from None


def _of_seal(block: Json, key: str, other: str) -> Any:
    """A part of an AuRa seal, which OpenEthereum writes as decimal text, or as hex without 0x."""
    value = block[key] if block.get(key) is not None else block.get(other)
    if type(value) is not str or value.startswith("0x"):
        return value
    if key == "step":
        return int(value) if _DECIMAL.fullmatch(value) else value
    return f"0x{value}"


def _topics(logs: Sequence[Json], index: int) -> list[Any]:
    return [log["topics"][index] if index < len(log["topics"]) else None for log in logs]


def _lengths(objects: Sequence[Json], key: str) -> list[int | None]:
    return [None if o.get(key) is None else len(o[key]) for o in objects]


_COUNTS: dict[tuple[str, str], Callable[[_Rows], list[int | None]]] = {
    (BLOCKS.name, "transaction_count"): lambda r: _lengths(r.objects["block"], "transactions"),
    (BLOCKS.name, "withdrawal_count"): lambda r: _lengths(r.objects["block"], "withdrawals"),
    (BLOCKS.name, "log_count"): lambda r: r.log_counts,
    (TRANSACTIONS.name, "log_count"): lambda r: _lengths(r.objects["receipt"], "logs"),
}


def _unknown_fields(rows: _Rows) -> Counter[str]:
    """How often each JSON path occurs that no column is made of."""
    paths: Counter[str] = Counter()
    for kind, objects in rows.objects.items():
        keys = Counter(key for o in objects for key in o)
        paths.update({f"{kind}.{key}": n for key, n in keys.items()})
        for path, nested in NESTED_KEYS.items():
            if path.startswith(f"{kind}."):
                inner = (e for o in objects for e in o.get(path.split(".")[1]) or ())
                paths.update(f"{path}.{key}" for e in inner for key in e if key not in nested)
    return Counter({path: n for path, n in paths.items() if path not in KNOWN_PATHS})
