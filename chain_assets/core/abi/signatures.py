"""Events and functions: what a log or a call says of its layout.

Each record is made from one entry of an ABI JSON or from text as people write it, and knows its
canonical signature and the key that a log (`topic0`) or a call (`selector`) carries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from chain_assets.core.abi.type_text import (
    Parameter,
    closing_parenthesis,
    parse_parameter,
    split_parameters,
)
from chain_assets.core.abi.types import name_from_json, type_from_json, unique_names
from chain_assets.core.errors import ReferenceFileError
from chain_assets.core.keccak import keccak256

# Topic 0 is the signature itself, and the EVM's widest log instruction is LOG4.
MAX_INDEXED = 3

_TEXT = re.compile(r"\s*(?:(?:event|function)\s+)?([A-Za-z_$][\w$]*)\s*(?=\()")
_AFTER_FUNCTION = re.compile(
    r"(\s|external|public|view|pure|payable|nonpayable)*(returns\s*\(.*\))?\s*;?\s*", re.DOTALL
)
_AFTER_EVENT = re.compile(r"\s*(anonymous)?\s*;?\s*")


@dataclass(frozen=True)
class Event:
    """An event and the ABI that it comes from. Equal layouts may differ in what is indexed."""

    name: str
    parameters: tuple[Parameter, ...]
    anonymous: bool = False
    abi_source: str = ""

    @cached_property
    def signature(self) -> str:
        """The canonical form whose hash is topic 0, such as `Transfer(address,address,uint256)`."""
        return _signature(self.name, self.parameters)

    @cached_property
    def argument_names(self) -> tuple[str, ...]:
        """The keys of its arguments: each has one, and none repeats."""
        return unique_names([one.name for one in self.parameters])

    @cached_property
    def topic0(self) -> bytes:
        return keccak256(self.signature.encode())

    @property
    def indexed(self) -> tuple[Parameter, ...]:
        return tuple(one for one in self.parameters if one.indexed)

    @property
    def body(self) -> tuple[Parameter, ...]:
        """The arguments that are encoded in the log's data."""
        return tuple(one for one in self.parameters if not one.indexed)

    @property
    def topic_count(self) -> int:
        return len(self.indexed) + (0 if self.anonymous else 1)


@dataclass(frozen=True)
class Function:
    """A function and the ABI that it comes from."""

    name: str
    parameters: tuple[Parameter, ...]
    abi_source: str = ""

    @cached_property
    def signature(self) -> str:
        """The canonical form whose hash begins with the selector, `transfer(address,uint256)`."""
        return _signature(self.name, self.parameters)

    @cached_property
    def argument_names(self) -> tuple[str, ...]:
        """The keys of its arguments: each has one, and none repeats."""
        return unique_names([one.name for one in self.parameters])

    @cached_property
    def selector(self) -> bytes:
        return keccak256(self.signature.encode())[:4]


def _signature(name: str, parameters: tuple[Parameter, ...]) -> str:
    return f"{name}({','.join(one.type.canonical for one in parameters)})"


def event_from_text(text: str, *, abi_source: str = "") -> Event:
    """`Transfer(address indexed from, address indexed to, uint256 value)` as a record.

    Raises ReferenceFileError where the text is not an event's declaration.
    """
    name, parameters, rest = _split_text(text)
    after = _AFTER_EVENT.fullmatch(rest)
    if after is None:
        raise ReferenceFileError(f"{rest.strip()!r} after the event {name} is not understood")
    return _checked(Event(name, parameters, after.group(1) is not None, abi_source))


def function_from_text(text: str, *, abi_source: str = "") -> Function:
    """`transfer(address to, uint256 value)` as a record; modifiers and `returns` are ignored.

    Raises ReferenceFileError where the text is not a function's declaration.
    """
    name, parameters, rest = _split_text(text)
    if _AFTER_FUNCTION.fullmatch(rest) is None:
        raise ReferenceFileError(f"{rest.strip()!r} after the function {name} is not understood")
    return Function(name, parameters, abi_source)


def _split_text(text: str) -> tuple[str, tuple[Parameter, ...], str]:
    match = _TEXT.match(text)
    if match is None:
        raise ReferenceFileError(f"{text.strip()!r} is not a name with parameters in parentheses")
    close = closing_parenthesis(text, match.end())
    inner = split_parameters(text[match.end() + 1 : close])
    return match.group(1), tuple(parse_parameter(one) for one in inner), text[close + 1 :]


def event_from_json(entry: Mapping[str, object], *, abi_source: str = "") -> Event:
    """One ABI JSON entry of type `event` as a record.

    Raises ReferenceFileError where the entry is not what the specification's section "JSON" says.
    """
    anonymous = entry.get("anonymous", False) is True
    return _checked(Event(_entry_name(entry), _inputs(entry), anonymous, abi_source))


def function_from_json(entry: Mapping[str, object], *, abi_source: str = "") -> Function:
    """One ABI JSON entry of type `function` as a record.

    Raises ReferenceFileError where the entry is not what the specification's section "JSON" says.
    """
    return Function(_entry_name(entry), _inputs(entry), abi_source)


def _entry_name(entry: Mapping[str, object]) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ReferenceFileError("it has no name")
    return name


def _inputs(entry: Mapping[str, object]) -> tuple[Parameter, ...]:
    inputs = entry.get("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise ReferenceFileError("its inputs are not a list of objects")
    return tuple(
        Parameter(name_from_json(one), type_from_json(one), one.get("indexed", False) is True)
        for one in inputs
    )


def _checked(event: Event) -> Event:
    limit = MAX_INDEXED + 1 if event.anonymous else MAX_INDEXED
    if len(event.indexed) > limit:
        raise ReferenceFileError(f"it has {len(event.indexed)} indexed arguments, at most {limit}")
    return event
