"""Raw block JSON to typed Arrow tables.

    payloads  →  rows of JSON objects  →  one list of values a column  →  Arrow columns
    (bytes)      block, transaction,      (core/schemas says which)       (core/json_columns.py)
                 receipt, log, withdrawal

One bad value refuses its whole block, with the path of the value, and no other block: a block is
decoded wholly or not at all. Fields that no column names are counted, by path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain as concatenate
from typing import Any

import orjson
import pyarrow as pa

from chain_assets.core.errors import DecodeError
from chain_assets.core.json_columns import NESTED_KEYS, BadValue, column_from_json
from chain_assets.core.schemas.columns import Column, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

Json = dict[str, Any]

# Made after the JSON is read: by the caller, from the blob and from the proof.
_LATER = {"proof", "decoder_version", "raw_sha256"}

# What nodes repeat on every row, or what is true of every block that is stored: not unknown.
_REDUNDANT = {
    *("transaction.blockHash", "transaction.blockNumber", "transaction.blockTimestamp"),
    *("receipt.blockHash", "receipt.blockNumber", "receipt.blockTimestamp"),
    *("receipt.transactionHash", "receipt.transactionIndex", "receipt.from", "receipt.to"),
    *("receipt.type", "receipt.logs"),
    *("log.blockHash", "log.blockNumber", "log.blockTimestamp", "log.removed"),
}


@dataclass(frozen=True)
class RawPayload:
    """One block's JSON, `{"block": …, "receipts": … | null}`, and which block it should be."""

    number: int
    hash: bytes
    payload: bytes


@dataclass(frozen=True)
class BlockTables:
    """The typed rows of many blocks, in the order of their payloads.

    The tables have the file columns of core/schemas but for `proof`, `decoder_version` and
    `raw_sha256`, which are not in the JSON. `refused` has one error for each block left out.
    """

    blocks: pa.Table
    transactions: pa.Table
    logs: pa.Table
    withdrawals: pa.Table
    unknown_fields: Counter[str]
    refused: tuple[DecodeError, ...]


def decode_blocks(payloads: Sequence[RawPayload], *, chain: str) -> BlockTables:
    """Decode `payloads`; blocks with a bad value are left out and told of in `refused`."""
    documents: list[tuple[RawPayload, Json]] = []
    refused: list[DecodeError] = []
    for raw in payloads:
        try:
            documents.append((raw, _document(raw)))
        except _Refusal as refusal:
            refused.append(_error(raw, refusal, chain=chain))
    while True:
        try:
            rows = _Rows([document for _, document in documents])
            return BlockTables(
                blocks=_table(BLOCKS, rows),
                transactions=_table(TRANSACTIONS, rows),
                logs=_table(LOGS, rows),
                withdrawals=_table(WITHDRAWALS, rows),
                unknown_fields=_unknown_fields(rows),
                refused=tuple(refused),
            )
        except _Refusal as refusal:
            raw, _ = documents.pop(refusal.block)
            refused.append(_error(raw, refusal, chain=chain))


class _Refusal(Exception):
    """Block `block` (its index) cannot be decoded."""

    def __init__(self, what: str, *, block: int = 0) -> None:
        super().__init__(what)
        self.block = block


def _error(raw: RawPayload, refusal: _Refusal, *, chain: str) -> DecodeError:
    todo = "Have the block fetched again, from another provider if it stays so"
    return DecodeError(str(refusal), chain=chain, block=raw.number, todo=todo)


def _document(raw: RawPayload) -> Json:
    """The JSON of one block, checked as far as rows can be taken from it. Raises _Refusal."""
    try:
        document = orjson.loads(raw.payload)
    except orjson.JSONDecodeError as error:
        raise _Refusal(f"the payload is not JSON ({error})") from None
    if not isinstance(document, dict) or not isinstance(document.get("block"), dict):
        raise _Refusal("the payload has no block")
    block: Json = document["block"]
    if str(block.get("hash")).lower() != f"0x{raw.hash.hex()}":
        raise _Refusal(f"the payload is of another block, {block.get('hash')}")
    # A number that is no quantity at all is refused with its column, where the error is better.
    if _is_another_number(block.get("number"), raw.number):
        raise _Refusal(f"the payload is of another block, number {block['number']}")
    _check_objects(block.get("transactions"), "transactions")
    if block.get("withdrawals") is not None:
        _check_objects(block["withdrawals"], "withdrawals")
    if document.get("receipts") is not None:
        _check_receipts(document["receipts"], block["transactions"])
    return document


def _is_another_number(value: Any, number: int) -> bool:
    try:
        return int(value, 16) != number
    except (TypeError, ValueError):
        return False


def _check_objects(values: Any, name: str) -> None:
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise _Refusal(f"{name} is not a list of objects")


def _check_receipts(receipts: Any, transactions: list[Json]) -> None:
    _check_objects(receipts, "receipts")
    if len(receipts) != len(transactions):
        raise _Refusal(f"{len(receipts)} receipts for {len(transactions)} transactions")
    for index, (transaction, receipt) in enumerate(zip(transactions, receipts, strict=True)):
        if str(receipt.get("transactionHash")).lower() != str(transaction.get("hash")).lower():
            raise _Refusal(f"receipt {index} is of another transaction")
        for key in ("gasUsed", "cumulativeGasUsed"):
            # These columns are nullable only for blocks that have no receipts at all.
            if receipt.get(key) is None:
                raise _Refusal(f"receipt {index}: {key} is missing")
        _check_objects(receipt.get("logs"), f"receipt {index}: logs")
        for log in receipt["logs"]:
            topics = log.get("topics")
            # A null would pass for a topic that is not there: these columns are nullable.
            if not isinstance(topics, list) or len(topics) > 4 or None in topics:
                raise _Refusal(f"receipt {index}: topics of a log are not a list of at most four")
            # No root covers this field: a log under a wrong hash would pass every proof.
            if str(log.get("transactionHash")).lower() != str(transaction.get("hash")).lower():
                raise _Refusal(f"receipt {index}: a log is of another transaction")


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


_ROW_OF = {
    BLOCKS.name: "block",
    TRANSACTIONS.name: "transaction",
    LOGS.name: "log",
    WITHDRAWALS.name: "withdrawal",
}


def _table(table: Table, rows: _Rows) -> pa.Table:
    kind = _ROW_OF[table.name]
    arrays = {}
    for column in table.columns:
        if column.name in _LATER:
            continue
        if (count := _COUNTS.get((table.name, column.name))) is not None:
            arrays[column.name] = pa.array(count(rows), pa.int64())
        elif column.json_path.startswith("block.") and kind != "block":
            arrays[column.name] = _column(column, rows, "block").take(
                pa.array(rows.owners[kind], pa.int64())
            )
        else:
            arrays[column.name] = _column(column, rows, column.json_path.split(".")[0])
    return pa.table(arrays, schema=pa.schema([table.column(name).field for name in arrays]))


def _column(column: Column, rows: _Rows, kind: str) -> pa.Array:
    key = column.json_path.split(".")[1]
    objects = rows.objects[kind]
    if key == "topics":
        values = _topics(objects, int(column.name[-1]))
    elif column.json_path == "transaction.type":
        # Nodes older than Berlin name no type; EIP-2718 calls what they know a legacy transaction.
        values = [o.get("type", "0x0") for o in objects]
    else:
        values = [o.get(key) for o in objects]
    try:
        if not column.nullable and None in values:
            raise BadValue(values.index(None), "is missing")
        return column_from_json(values, column.kind)
    except BadValue as bad:
        owner = rows.owners[kind][bad.index]
        place = bad.index - rows.owners[kind].index(owner)
        path = f"block.{key}" if kind == "block" else f"{kind} {place}: {key}"
        raise _Refusal(f"{path} {bad}", block=owner) from None


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
_KNOWN = _REDUNDANT | {
    column.json_path
    for table in (BLOCKS, TRANSACTIONS, LOGS, WITHDRAWALS)
    for column in table.columns
    if column.name not in _LATER
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
    return Counter({path: n for path, n in paths.items() if path not in _KNOWN})
