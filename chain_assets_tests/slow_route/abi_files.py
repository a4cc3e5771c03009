"""Events and functions as the shipped ABI JSON files spell them, read by plain `json`.

Of the registry only the order of its files is taken. Topics and selectors are made by eth_utils.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from eth_utils.crypto import keccak

from chain_assets.core.abi.registry import STANDARD_ABIS
from chain_assets_tests.slow_route.readers import Json


@dataclass(frozen=True)
class AbiEntry:
    """One event or function: `inputs` as in its ABI JSON."""

    source: str
    kind: str
    name: str
    inputs: tuple[Json, ...]

    def __hash__(self) -> int:
        return hash((self.source, self.signature))

    @cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(type_text(one) for one in self.inputs)})"

    @cached_property
    def key(self) -> bytes:
        """Topic 0, whose first four bytes are a function's selector."""
        return keccak(text=self.signature)

    @property
    def indexed(self) -> tuple[bool, ...]:
        return tuple(bool(one.get("indexed")) for one in self.inputs)


def type_text(parameter: Json) -> str:
    """The canonical type, with the components of a tuple written out."""
    text = str(parameter["type"])
    if not text.startswith("tuple"):
        return text
    inner = ",".join(type_text(one) for one in parameter["components"])
    return f"({inner}){text.removeprefix('tuple')}"


def argument_names(parameters: Sequence[Json]) -> list[str]:
    """`arg{i}` for an argument without a name, and `_1` behind a name that was there before."""
    names: list[str] = []
    for index, parameter in enumerate(parameters):
        name = str(parameter.get("name") or f"arg{index}")
        names.append(name if name not in names else f"{name}_{names.count(name)}")
    return names


@cache
def abi_entries() -> tuple[AbiEntry, ...]:
    """Every event (but the anonymous) and function of the shipped files, in order."""
    return tuple(_entries())


def _entries() -> Iterator[AbiEntry]:
    folder = resources.files("chain_assets.core.abi") / "standard"
    for source in STANDARD_ABIS:
        content = json.loads((folder / f"{source}.json").read_text("utf-8"))
        for entry in content["abi"] if isinstance(content, dict) else content:
            kind = entry.get("type", "function")
            if kind in ("event", "function") and not entry.get("anonymous"):
                yield AbiEntry(source, kind, entry["name"], tuple(entry.get("inputs", ())))


@cache
def events_of(topic0: bytes, topic_count: int) -> tuple[AbiEntry, ...]:
    """Events with this topic 0 and so many topics; of the same layout only the first."""
    found: dict[tuple[bool, ...], AbiEntry] = {}
    for entry in abi_entries():
        if entry.kind == "event" and entry.key == topic0 and 1 + sum(entry.indexed) == topic_count:
            found.setdefault(entry.indexed, entry)
    return tuple(found.values())


@cache
def functions_of(selector: bytes) -> tuple[AbiEntry, ...]:
    """Functions with this selector; of the same signature only the first."""
    found: dict[str, AbiEntry] = {}
    for entry in abi_entries():
        if entry.kind == "function" and entry.key[:4] == selector:
            found.setdefault(entry.signature, entry)
    return tuple(found.values())
