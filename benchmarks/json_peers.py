"""Readers of block JSON to run beside ours. Each takes payloads and gives typed Arrow columns.

Peers are imported when they are asked for: some may not be installed. What they read is what
json_typing.py says: less than ours.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json

from benchmarks.json_typing import KEYS, nested_schema, typed_from_nested, typed_from_texts
from chain_assets.core.block_json import decode_blocks
from chain_assets.core.block_tables import RawPayload
from chain_assets.core.json_strict import decode_strict
from chain_assets.core.schemas.columns import ARROW_TYPES, Kind

Reader = Callable[[Sequence[RawPayload]], object]


def ours() -> Reader:
    """decode_blocks, with its checks, lists and counts."""
    return lambda payloads: decode_blocks(payloads, chain="bench")


def strict() -> Reader:
    """What decode_blocks falls back to."""
    return lambda payloads: decode_strict(payloads, chain="bench")


def orjson_by_hand() -> Reader:
    """Python objects, and one int() or bytes.fromhex() a value."""
    read: dict[Kind, Callable[[Any], Any]] = {
        "quantity": lambda v: int(v, 16),
        "amount": lambda v: Decimal(int(v, 16)),
        "word": lambda v: int(v, 16).to_bytes(32, "big"),
        "timestamp": lambda v: int(v, 16) * 1_000_000,
        "bool": bool,
        "text": str,
    }

    def column(rows: list[dict[str, Any]], key: str, kind: Kind) -> pa.Array:
        convert = read.get(kind, _data)
        values = [None if (v := row.get(key)) is None else convert(v) for row in rows]
        return pa.array(values, ARROW_TYPES[kind])

    def run(payloads: Sequence[RawPayload]) -> object:
        rows = _rows([orjson.loads(raw.payload) for raw in payloads])
        typed = {
            kind: {key: column(rows[kind], key, how) for key, how in keys.items()}
            for kind, keys in KEYS.items()
        }
        for index in range(4):
            topics = [row["topics"][index : index + 1] for row in rows["log"]]
            values = [bytes.fromhex(topic[0][2:]) if topic else None for topic in topics]
            typed["log"][f"topic{index}"] = pa.array(values, pa.binary())
        return typed

    return run


def _data(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _rows(documents: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    blocks = [document["block"] for document in documents]
    receipts = [receipt for document in documents for receipt in document["receipts"] or ()]
    return {
        "block": blocks,
        "transaction": [row for block in blocks for row in block["transactions"]],
        "withdrawal": [row for block in blocks for row in block.get("withdrawals") or ()],
        "receipt": receipts,
        "log": [row for receipt in receipts for row in receipt["logs"]],
    }


def pyarrow_json() -> Reader:
    """pyarrow.json with an explicit schema."""
    options = pyarrow.json.ParseOptions(
        explicit_schema=nested_schema(), unexpected_field_behavior="ignore"
    )
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 24)

    def run(payloads: Sequence[RawPayload]) -> object:
        lines = io.BytesIO(b"\n".join(raw.payload for raw in payloads))
        return typed_from_nested(pyarrow.json.read_json(lines, reading, options))

    return run


def msgspec_structs() -> Reader:
    """msgspec into typed structs, then text columns."""
    import msgspec

    def struct(kind: str, **more: Any) -> Any:
        fields: list[Any] = [
            (f"f{index}", bool | str | None, None) for index, _ in enumerate(KEYS[kind])
        ]
        names = {f"f{index}": key for index, key in enumerate(KEYS[kind])}
        fields += [(name, type_, ()) for name, type_ in more.items()]
        return msgspec.defstruct(kind, fields, rename=lambda name: names.get(name, name), gc=False)

    log = struct("log", topics=tuple[str, ...])
    receipt = struct("receipt", logs=tuple[log, ...])  # type: ignore[valid-type]
    block = struct(
        "block",
        transactions=tuple[struct("transaction"), ...],  # type: ignore[misc]
        withdrawals=tuple[struct("withdrawal"), ...],  # type: ignore[misc]
    )
    document = msgspec.defstruct(
        "document",
        [("block", block), ("receipts", tuple[receipt, ...], ())],  # type: ignore[valid-type]
    )
    decoder = msgspec.json.Decoder(document)

    def run(payloads: Sequence[RawPayload]) -> object:
        documents: list[Any] = [decoder.decode(raw.payload) for raw in payloads]
        receipts = [r for d in documents for r in d.receipts]
        rows = {
            "block": [d.block for d in documents],
            "transaction": [t for d in documents for t in d.block.transactions],
            "withdrawal": [w for d in documents for w in d.block.withdrawals],
            "receipt": receipts,
            "log": [own for r in receipts for own in r.logs],
        }
        texts = {
            kind: {
                key: pa.array(
                    [getattr(row, f"f{index}") for row in rows[kind]],
                    pa.bool_() if how == "bool" else pa.string(),
                )
                for index, (key, how) in enumerate(keys.items())
            }
            for kind, keys in KEYS.items()
        }
        topics = pa.array([row.topics for row in rows["log"]], pa.list_(pa.string()))
        return typed_from_texts(texts, topics=topics)

    return run


def duckdb_json() -> Reader:
    """DuckDB's read_json with explicit columns, on one thread."""
    import duckdb

    columns = {field.name: _sql_type(field.type) for field in nested_schema()}
    connection = duckdb.connect(config={"threads": 1})

    def run(payloads: Sequence[RawPayload]) -> object:
        with _lines(payloads) as path:
            rows = connection.read_json(str(path), columns=columns, format="newline_delimited")
            return typed_from_nested(rows.to_arrow_table())

    return run


def _sql_type(type_: pa.DataType) -> str:
    if pa.types.is_struct(type_):
        fields = ", ".join(f'"{field.name}" {_sql_type(field.type)}' for field in type_)
        return f"STRUCT({fields})"
    if pa.types.is_list(type_):
        return f"{_sql_type(type_.value_type)}[]"
    return "BOOLEAN" if pa.types.is_boolean(type_) else "VARCHAR"


def polars_ndjson() -> Reader:
    """Polars' read_ndjson with an explicit schema."""
    import polars

    schema = polars.DataFrame(nested_schema().empty_table()).schema

    def run(payloads: Sequence[RawPayload]) -> object:
        lines = io.BytesIO(b"\n".join(raw.payload for raw in payloads))
        return typed_from_nested(polars.read_ndjson(lines, schema=schema).to_arrow())

    return run


class _lines:
    """The payloads as lines of a file, for readers that read nothing else."""

    def __init__(self, payloads: Sequence[RawPayload]) -> None:
        self._payloads = payloads
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Path:
        path = Path(self._folder.name) / "blocks.ndjson"
        path.write_bytes(b"\n".join(raw.payload for raw in self._payloads))
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


READERS: dict[str, Callable[[], Reader]] = {
    "ours": ours,
    "strict path": strict,
    "orjson by hand": orjson_by_hand,
    "pyarrow.json": pyarrow_json,
    "msgspec": msgspec_structs,
    "DuckDB": duckdb_json,
    "Polars": polars_ndjson,
}
