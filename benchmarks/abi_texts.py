"""Signatures and ABI entries as other decoders want them."""

from __future__ import annotations

from typing import Any

from chain_assets.core.abi.types import AbiType, ArrayType, TupleType, unique_names


def names_of(candidate: Any) -> tuple[str, ...]:
    """A name for each argument, none of them twice."""
    return unique_names([one.name for one in candidate.parameters])


def text_of(candidate: Any) -> str:
    """Such as `Transfer(address indexed from, address indexed to, uint256 value)`."""
    arguments = [
        f"{one.type.canonical} {'indexed ' if one.indexed else ''}{name}"
        for one, name in zip(candidate.parameters, names_of(candidate), strict=True)
    ]
    return f"{candidate.name}({', '.join(arguments)})"


def abi_of(event: Any) -> dict[str, Any]:
    """The event's entry in an ABI JSON."""
    inputs = [
        {**_typed(one.type), "name": name, "indexed": one.indexed}
        for one, name in zip(event.parameters, names_of(event), strict=True)
    ]
    return {"type": "event", "name": event.name, "anonymous": False, "inputs": inputs}


def _typed(kind: AbiType) -> dict[str, Any]:
    if isinstance(kind, ArrayType):
        size = "" if kind.size is None else kind.size
        item = _typed(kind.item)
        return {**item, "type": f"{item['type']}[{size}]"}
    if isinstance(kind, TupleType):
        named = zip(kind.components, unique_names(kind.names), strict=True)
        return {"type": "tuple", "components": [{**_typed(one), "name": n} for one, n in named]}
    return {"type": kind.canonical}
