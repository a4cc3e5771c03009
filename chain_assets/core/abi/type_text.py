"""ABI types and parameters from text, canonical or as people write them.

    uint256                                     a type
    (address token,uint256 amount)[] orders     a parameter: type, then its name
    address indexed from                        a parameter of an event

One reader serves both: a canonical type is a parameter without a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chain_assets.core.abi.types import (
    MAX_DEPTH,
    AbiType,
    array_type,
    elementary_type,
    tuple_type,
)
from chain_assets.core.errors import ReferenceFileError

_BASE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_DIMENSIONS_AND_NAME = re.compile(r"((?:\[\d*\])*)((?:\s+[A-Za-z_$][\w$]*)*)")
# Words between a type and its name that say nothing about the encoding.
_LOCATIONS = ("memory", "calldata", "storage", "payable")


@dataclass(frozen=True)
class Parameter:
    """One argument of an event or a function. `indexed` arguments of an event are topics."""

    name: str
    type: AbiType
    indexed: bool = False


def parse_type(text: str) -> AbiType:
    """The type that `text` spells, such as `(uint8,bytes)[]`.

    Raises ReferenceFileError where it is not an ABI type.
    """
    parameter = parse_parameter(text)
    if parameter.name or parameter.indexed:
        raise ReferenceFileError(f"{text!r} is not an ABI type")
    return parameter.type


def parse_parameter(text: str, *, depth: int = 0) -> Parameter:
    """One parameter: a type, then optionally `indexed`, a data location and a name."""
    if depth > MAX_DEPTH:
        raise ReferenceFileError(f"an ABI type is nested more than {MAX_DEPTH} levels deep")
    stripped = text.strip()
    bare = stripped.removeprefix("tuple").lstrip()
    if bare.startswith("("):
        close = closing_parenthesis(bare, 0)
        inner = [parse_parameter(part, depth=depth + 1) for part in split_parameters(bare[1:close])]
        parts: AbiType = tuple_type([one.type for one in inner], [one.name for one in inner])
        rest = bare[close + 1 :]
    else:
        base = _BASE.match(stripped)
        if base is None:
            raise ReferenceFileError(f"{stripped!r} does not begin with an ABI type")
        parts, rest = elementary_type(base.group()), stripped[base.end() :]
    after = _DIMENSIONS_AND_NAME.fullmatch(rest)
    if after is None:
        raise ReferenceFileError(f"{stripped!r} is not a type with an optional name")
    return _named(array_type(parts, after.group(1)), after.group(2).split(), stripped)


def _named(abi_type: AbiType, words: list[str], text: str) -> Parameter:
    indexed = "indexed" in words
    names = [word for word in words if word != "indexed" and word not in _LOCATIONS]
    if len(names) > 1:
        raise ReferenceFileError(f"{text!r} has more than one name")
    return Parameter(names[0] if names else "", abi_type, indexed)


def split_parameters(text: str) -> list[str]:
    """The parts between commas that stand outside all parentheses; none for blank text."""
    if not text.strip():
        return []
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def closing_parenthesis(text: str, start: int) -> int:
    """The position of the parenthesis that closes the one at `start`."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "(") - (text[position] == ")")
        if depth == 0:
            return position
    raise ReferenceFileError(f"{text.strip()!r} has a parenthesis that is never closed")
