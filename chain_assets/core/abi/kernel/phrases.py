"""The JSON around the values of a program's nodes, and how each value is written.

A node's text is what comes before its value (its key, an opening quote or bracket), the value,
and what comes after. Topics are children of the frame too: `topics` of a node says how many of
them are declared before it, and so are written before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from chain_assets.core.abi.kernel.layouts import KINDS, MOST_TEXT, Candidate
from chain_assets.core.abi.kernel.programs import Program
from chain_assets.core.abi.types import (
    WORD_BYTES,
    AbiType,
    ArrayType,
    BlobType,
    TupleType,
    WordType,
    unique_names,
)

# What is written of a node: a word of one of the kinds of layouts.py, or one of these.
TEXT, HEX, ITEMS, FIELDS = range(len(KINDS), len(KINDS) + 4)

PHRASE = np.dtype(
    [
        ("before", np.int64),  # place and size in `literals`
        ("before_size", np.int64),
        ("after", np.int64),
        ("after_size", np.int64),
        ("kind", np.int64),
        ("size", np.int64),  # bytes of the value of a word
        ("topics", np.int64),
    ]
)
# The longest text of a byte: of a string an escape, of bytes two digits.
_MOST_PER_BYTE = {TEXT: 6, HEX: 2}
_AFTER = {TEXT: '"', HEX: '"', ITEMS: "]", FIELDS: "}"}
_BEFORE = {TEXT: '"', HEX: '"0x', ITEMS: "[", FIELDS: "{"}


@dataclass(frozen=True)
class Phrases:
    """One row of `phrases` for each node of a program."""

    phrases: npt.NDArray[np.void]
    literals: npt.NDArray[np.uint8]

    def most_text(self, program: Program, totals: npt.NDArray[np.int64], rows: int) -> int:
        """How long the texts of `rows` may get; `totals` are those of walk.count_rows."""
        values = _values(program, totals[:, 0], rows)
        most = 0
        for phrase, count, parts in zip(self.phrases, values, totals[:, 1].tolist(), strict=True):
            kind = int(phrase["kind"])
            # An item has a comma, which is no part of a phrase.
            around = int(phrase["before_size"] + phrase["after_size"]) + 1
            own = MOST_TEXT[kind] if kind < len(MOST_TEXT) else 0
            most += count * (around + own) + parts * _MOST_PER_BYTE.get(kind, 0)
        return most


def make_phrases(program: Program, candidate: Candidate) -> Phrases | None:
    """The phrases of `candidate`, of which `program` is; None where one cannot be written."""
    kinds = [_kind(one) for one in program.types]
    if any(kind is None for kind in kinds):
        return None
    keys, topics = _keys(program, candidate)
    phrases = np.zeros(len(kinds), PHRASE)
    literals = bytearray()
    for index, (kind, one) in enumerate(zip(kinds, program.types, strict=True)):
        assert kind is not None
        before = (keys[index] + _before(kind, one)).encode()
        after = _after(kind, one).encode()
        place, size = len(literals), one.bits // 8 if isinstance(one, WordType) else 0
        literals += before + after
        phrases[index] = (
            *(place, len(before), place + len(before), len(after)),
            *(kind, size, topics[index]),
        )
    # Copies of whole words read beyond the last literal.
    literals += bytes(WORD_BYTES)
    return Phrases(phrases, np.frombuffer(bytes(literals), np.uint8))


def _kind(one: AbiType) -> int | None:
    if isinstance(one, WordType):
        return KINDS.get(one.kind)
    if isinstance(one, BlobType):
        return TEXT if one.canonical == "string" else HEX
    return ITEMS if isinstance(one, ArrayType) else FIELDS


def _before(kind: int, one: AbiType) -> str:
    if isinstance(one, WordType):
        quote = "" if one.kind == "bool" else '"'
        return quote + ("0x" if one.kind in ("address", "bytesN") else "")
    return _BEFORE[kind]


def _after(kind: int, one: AbiType) -> str:
    if isinstance(one, WordType):
        return "" if one.kind == "bool" else '"'
    return _AFTER[kind]


def _keys(program: Program, candidate: Candidate) -> tuple[list[str], list[int]]:
    """For each node its key as a member of an object, and the topics declared before it."""
    keys, topics = [""] * len(program.types), [0] * len(program.types)
    seen = 0
    arguments = _members([one.name for one in candidate.parameters])
    for node, key in zip(program.arguments, arguments, strict=True):
        keys[node], topics[node] = key, seen
        seen += node >= program.first_topic
    for index in range(1, program.first_topic):
        one, first = program.types[index], int(program.nodes["first"][index])
        if isinstance(one, TupleType):
            keys[first : first + len(one.names)] = _members(one.names)
    return keys, topics


def _members(names: list[str] | tuple[str, ...]) -> list[str]:
    keys = [orjson.dumps(name).decode() for name in unique_names(names)]
    return [f"{',' if index else ''}{key}:" for index, key in enumerate(keys)]


def _values(program: Program, counted: npt.NDArray[np.int64], rows: int) -> list[int]:
    """How many values each node has: tuples are not counted, but have as many as what is in them.

    Children stand behind their parents, so that theirs are known first when going backwards.
    """
    values = [int(count) for count in counted]
    for index in range(len(values) - 1, 0, -1):
        if isinstance(program.types[index], TupleType):
            values[index] = values[int(program.nodes["first"][index])]
    values[0] = rows
    return values
