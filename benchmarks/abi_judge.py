"""Which rows a decoder got right, judged by eth_abi, the reference in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from eth_abi.abi import decode

from chain_assets.core.abi.kernel.layouts import argument_types
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.signatures import Event, Function
from chain_assets.core.abi.types import AbiType, ArrayType, TupleType, WordType

# A row's signature and the values of its arguments, in order; None where it was not decoded.
Row = tuple[str, list[Any]] | None


def row(candidate: Event | Function, values: Sequence[Any]) -> Row:
    """`values` as some decoder represents them, in a form that does not depend on it."""
    kinds = argument_types(candidate)
    parts = [_value(kind, value) for kind, value in zip(kinds, values, strict=True)]
    return candidate.signature, parts


def _value(kind: AbiType, value: Any) -> Any:
    value = getattr(value, "val", value)  # hypersync wraps each value
    if value is None:
        return None
    if isinstance(kind, ArrayType):
        return [_value(kind.item, item) for item in value]
    if isinstance(kind, TupleType):
        parts = value.values() if isinstance(value, Mapping) else value
        return [_value(one, part) for one, part in zip(kind.components, parts, strict=True)]
    if isinstance(kind, WordType) and kind.kind in ("uint", "int"):
        if isinstance(value, bytes):
            return int.from_bytes(value, "big", signed=kind.kind == "int")
        return int(value)
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return value.lower() if kind.canonical == "address" else value


def share_right(found: Sequence[Row], expected: Sequence[Row]) -> float:
    """The share of rows whose values, or whose refusal, are those that eth_abi gives."""
    pairs = list(zip(found, expected, strict=True))
    return sum(one == other for one, other in pairs) / len(pairs)


def logs_by_eth_abi(logs: pa.Table, registry: Registry) -> list[Row]:
    """Each log by the first event that fits it."""
    columns = [logs[f"topic{index}"].to_pylist() for index in range(4)]
    rows = zip(*columns, logs["data"].to_pylist(), strict=True)
    return [_log(registry, [one for one in topics if one], data) for *topics, data in rows]


def _log(registry: Registry, topics: list[bytes], data: bytes) -> Row:
    for event in registry.events.get((topics[0], len(topics)), ()) if topics else ():
        try:
            body = iter(decode([one.type.canonical for one in event.body], data))
            hashed = iter(topics[1:])
            values = [
                _topic(kind, next(hashed)) if parameter.indexed else next(body)
                for kind, parameter in zip(argument_types(event), event.parameters, strict=True)
            ]
        except Exception:  # noqa: BLE001 - hostile lengths make it raise OverflowError and others
            continue
        return row(event, values)
    return None


def _topic(kind: AbiType, topic: bytes) -> Any:
    return decode([kind.canonical], topic)[0]


def calls_by_eth_abi(transactions: pa.Table, registry: Registry) -> list[Row]:
    """Each call by the first function that fits it."""
    return [
        _call(registry, data) if receiver else None
        for data, receiver in zip(
            transactions["input"].to_pylist(), transactions["to_address"].to_pylist(), strict=True
        )
    ]


def _call(registry: Registry, data: bytes) -> Row:
    for function in registry.functions.get(data[:4], ()):
        try:
            values = decode([one.type.canonical for one in function.parameters], data[4:])
        except Exception:  # noqa: BLE001 - as above
            continue
        return row(function, values)
    return None
