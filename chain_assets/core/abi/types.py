"""The types of Ethereum's contract ABI, as trees of frozen records.

A type is a word (one 32-byte value), a blob (`bytes`, `string`), an array or a tuple; see
"Contract ABI Specification", sections "Types" and "Formal Specification of the Encoding". Two
ways lead here: text (`abi/type_text.py`) and ABI JSON (`type_from_json`). Both check while they
build, so that the decoder never meets a type that cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from chain_assets.core.errors import ReferenceFileError

WORD_BYTES = 32

# Solidity stops far earlier. Without a limit a hostile ABI file could exhaust Python's stack or
# overflow the 64-bit positions of the decoder.
MAX_DEPTH = 32
MAX_WORDS = 1 << 32

WordKind = Literal["uint", "int", "bool", "address", "bytesN", "fixed", "ufixed"]
BlobKind = Literal["bytes", "string"]

_ALIASES = {
    "uint": "uint256",
    "int": "int256",
    "byte": "bytes1",
    "fixed": "fixed128x18",
    "ufixed": "ufixed128x18",
}
_ELEMENTARY = re.compile(r"(uint|int|bytes)([1-9]\d{0,2})|(u?fixed)([1-9]\d{0,2})x([1-9]\d?)")
_DIMENSION = re.compile(r"\[([1-9]\d{0,11})?\]")


@dataclass(frozen=True)
class WordType:
    """A value of one 32-byte word. `bits` of it carry data; `places` is 0 unless fixed-point."""

    canonical: str
    kind: WordKind
    bits: int
    places: int = 0

    @property
    def is_dynamic(self) -> bool:
        return False

    @property
    def words(self) -> int:
        """How many words the value takes in the head of its frame."""
        return 1

    @property
    def depth(self) -> int:
        return 1


@dataclass(frozen=True)
class BlobType:
    """`bytes` or `string`: a length word, then the bytes, padded to a whole word."""

    canonical: BlobKind

    @property
    def is_dynamic(self) -> bool:
        return True

    @property
    def words(self) -> int:
        return 1

    @property
    def depth(self) -> int:
        return 1


@dataclass(frozen=True)
class ArrayType:
    """`item[size]`, or `item[]` where `size` is None."""

    item: AbiType
    size: int | None

    @cached_property
    def canonical(self) -> str:
        return f"{self.item.canonical}[{'' if self.size is None else self.size}]"

    @cached_property
    def is_dynamic(self) -> bool:
        return self.size is None or self.item.is_dynamic

    @cached_property
    def words(self) -> int:
        return 1 if self.size is None or self.item.is_dynamic else self.size * self.item.words

    @cached_property
    def depth(self) -> int:
        return 1 + self.item.depth


@dataclass(frozen=True)
class TupleType:
    """A struct: components in order, each with its name ("" where it has none)."""

    components: tuple[AbiType, ...]
    names: tuple[str, ...]

    @cached_property
    def canonical(self) -> str:
        return f"({','.join(component.canonical for component in self.components)})"

    @cached_property
    def is_dynamic(self) -> bool:
        return any(component.is_dynamic for component in self.components)

    @cached_property
    def words(self) -> int:
        return 1 if self.is_dynamic else sum(component.words for component in self.components)

    @cached_property
    def depth(self) -> int:
        return 1 + max(component.depth for component in self.components)


AbiType = WordType | BlobType | ArrayType | TupleType


def elementary_type(text: str) -> WordType | BlobType:
    """The record of a type without brackets, such as `uint8`, `address` or `string`.

    Raises ReferenceFileError for a name or a size that the ABI specification does not have.
    """
    name = _ALIASES.get(text, text)
    if name in ("bytes", "string"):
        return BlobType("bytes" if name == "bytes" else "string")
    if name == "bool":
        return WordType(name, "bool", 8)
    if name == "address":
        return WordType(name, "address", 160)
    if name == "function":
        # An address and a selector, encoded as bytes24; signatures spell it "function".
        return WordType(name, "bytesN", 24 * 8)
    match = _ELEMENTARY.fullmatch(name)
    if match is None:
        raise ReferenceFileError(f"{text!r} is not an ABI type")
    base, size, fixed, bits, places = match.groups()
    if base == "bytes":
        return _sized(name, "bytesN", int(size) * 8)
    if base is not None:
        return _sized(name, "uint" if base == "uint" else "int", int(size))
    return _sized(name, "fixed" if fixed == "fixed" else "ufixed", int(bits), places=int(places))


def _sized(name: str, kind: WordKind, bits: int, *, places: int = 0) -> WordType:
    if bits > 256 or bits % 8 or places > 80:
        raise ReferenceFileError(f"{name!r} has a size that no ABI type has")
    return WordType(name, kind, bits, places)


def array_type(item: AbiType, dimensions: str) -> AbiType:
    """`item` with array brackets behind it, such as `[2][]`; `item` itself for no brackets.

    Raises ReferenceFileError for brackets that are malformed, for a size of zero (which neither
    Solidity nor the specification's decoders know), and for a type beyond all use.
    """
    result, position = item, 0
    while position < len(dimensions):
        match = _DIMENSION.match(dimensions, position)
        if match is None:
            raise ReferenceFileError(f"{dimensions!r} after {item.canonical} is no array size")
        size = None if match.group(1) is None else int(match.group(1))
        if size is not None and size > MAX_WORDS:
            raise ReferenceFileError(f"an array of {size} items is larger than any block")
        result = ArrayType(result, size)
        _refuse_monsters(result)
        position = match.end()
    return result


def tuple_type(components: Sequence[AbiType], names: Sequence[str]) -> TupleType:
    """A tuple of at least one component. Raises ReferenceFileError for an empty tuple."""
    if not components:
        raise ReferenceFileError("a tuple without components has no encoding")
    result = TupleType(tuple(components), tuple(names))
    _refuse_monsters(result)
    return result


def _refuse_monsters(abi_type: AbiType) -> None:
    if abi_type.depth > MAX_DEPTH:
        raise ReferenceFileError(f"an ABI type is nested more than {MAX_DEPTH} levels deep")
    if abi_type.words > MAX_WORDS:
        raise ReferenceFileError(f"{abi_type.canonical!r} is larger than any block")


def type_from_json(entry: Mapping[str, object], *, depth: int = 0) -> AbiType:
    """The type of one ABI JSON parameter: its `type`, and `components` where that is a tuple.

    Raises ReferenceFileError where the entry is not what the specification's section "JSON" says.
    """
    if depth > MAX_DEPTH:
        raise ReferenceFileError(f"an ABI type is nested more than {MAX_DEPTH} levels deep")
    text = entry.get("type")
    if not isinstance(text, str):
        raise ReferenceFileError("a parameter has no type")
    base, bracket, rest = text.partition("[")
    if base != "tuple":
        return array_type(elementary_type(base), bracket + rest)
    components = entry.get("components")
    if not isinstance(components, list) or not all(isinstance(one, dict) for one in components):
        raise ReferenceFileError("a tuple has no list of components")
    names = [name_from_json(component) for component in components]
    inner = [type_from_json(component, depth=depth + 1) for component in components]
    parts = tuple_type(inner, names)
    return array_type(parts, bracket + rest)


def name_from_json(entry: Mapping[str, object]) -> str:
    """A parameter's name, "" where it has none. Raises ReferenceFileError if it is not text."""
    name = entry.get("name", "")
    if not isinstance(name, str):
        raise ReferenceFileError("a parameter's name is not text")
    return name


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Keys for a JSON object: `arg{i}` for an empty name, and a suffix where a name repeats."""
    chosen: list[str] = []
    taken = {name for name in names if name}
    for index, name in enumerate(names):
        key = name or f"arg{index}"
        first = name and name not in chosen
        suffix = 1
        while not first and (key in chosen or key in taken):
            key, suffix = f"{name or f'arg{index}'}_{suffix}", suffix + 1
        chosen.append(key)
    return tuple(chosen)
