"""Where the words of an event or a call stand, and how its arguments are written, as arrays.

A candidate is flat if each of its arguments is a word, a hash of an indexed value, or a tuple of
such: its decoding is then a list of steps, one a word, that a kernel can follow for any row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from chain_assets.core.abi.logs import HASH
from chain_assets.core.abi.signatures import Event, Function
from chain_assets.core.abi.types import (
    WORD_BYTES,
    AbiType,
    TupleType,
    WordType,
    unique_names,
)
from chain_assets.core.abi.word_rules import padding_bits

Candidate = Event | Function

# The source that holds the encoded frame; the others are topics, by their number.
BODY = 0
# A layout of more words is left to the other route: no contract's is so long.
MAX_LEAVES = 64

UINT, INT, BOOL, ADDRESS, BYTES = range(5)
KINDS = {"uint": UINT, "int": INT, "bool": BOOL, "address": ADDRESS, "bytesN": BYTES}
# Most characters that a word of a kind takes, in the same order.
MOST_TEXT = (78, 78, 5, 40, 64)

STEP = np.dtype(
    [
        ("literal", np.int64),  # the text before the word: place and size in `literals`
        ("literal_size", np.int64),
        ("kind", np.int64),
        ("size", np.int64),  # bytes of the value, in front of its padding or behind it
        ("source", np.int64),
        ("offset", np.int64),
    ]
)
# Eight bytes of a word of which some are padding: zero, or copies of the sign.
CHECK = np.dtype(
    [
        ("source", np.int64),
        ("offset", np.int64),
        ("padding", np.uint64),
        ("sign", np.int64),  # offset of the byte whose highest bit is the sign, or UNSIGNED
    ]
)
UNSIGNED = -1
LAYOUT = np.dtype(
    [
        ("first", np.int64),  # its steps
        ("stop", np.int64),
        ("first_check", np.int64),
        ("stop_check", np.int64),
        ("body_bytes", np.int64),
        ("tail", np.int64),  # the text after the last word
        ("tail_size", np.int64),
        ("most_text", np.int64),
    ]
)


@dataclass(frozen=True)
class Leaf:
    """One word of a flat candidate: `offset` bytes into its source."""

    type: WordType
    source: int
    offset: int


@dataclass(frozen=True)
class Layouts:
    """The layouts of some candidates, by position; one that is not flat has no steps."""

    layouts: npt.NDArray[np.void]
    steps: npt.NDArray[np.void]
    checks: npt.NDArray[np.void]
    literals: npt.NDArray[np.uint8]
    leaves: tuple[tuple[Leaf, ...] | None, ...]


def make_layouts(candidates: Sequence[Candidate]) -> Layouts:
    """The layouts of `candidates`, in order."""
    layouts = np.zeros(len(candidates), LAYOUT)
    steps: list[tuple[int, ...]] = []
    checks: list[tuple[int, ...]] = []
    literals = bytearray()
    leaves = [flat_leaves(candidate) for candidate in candidates]
    for index, (candidate, own) in enumerate(zip(candidates, leaves, strict=True)):
        if own is None:
            continue
        first, first_check, before, text = len(steps), len(checks), len(literals), 0
        pieces = _pieces(candidate)
        for literal, leaf in zip(pieces[:-1], own, strict=True):
            steps.append(_step(leaf, len(literals), len(literal)))
            checks += _checks(leaf)
            literals += literal
            text += MOST_TEXT[KINDS[leaf.type.kind]]
        tail = len(literals)
        literals += pieces[-1]
        body = sum(leaf.source == BODY for leaf in own) * WORD_BYTES
        text += len(literals) - before
        layouts[index] = (
            *(first, len(steps), first_check, len(checks)),
            *(body, tail, len(pieces[-1]), text),
        )
    # Copies of whole words read beyond the last literal.
    literals += bytes(WORD_BYTES)
    return Layouts(
        layouts,
        np.array(steps, STEP),
        np.array(checks, CHECK),
        np.frombuffer(bytes(literals), np.uint8),
        tuple(leaves),
    )


def flat_leaves(candidate: Candidate) -> tuple[Leaf, ...] | None:
    """The words of `candidate` in the order of its declaration; None where it is not flat."""
    kinds = argument_types(candidate)
    if not all(map(_is_flat, kinds)):
        return None
    leaves: list[Leaf] = []
    topic = body = 0
    for kind, parameter in zip(kinds, candidate.parameters, strict=True):
        if isinstance(candidate, Event) and parameter.indexed:
            topic += 1
            source, offset = topic, 0
        else:
            source, offset = BODY, body
            body += WORD_BYTES * kind.words
        words = enumerate(_words(kind))
        leaves += [Leaf(word, source, offset + WORD_BYTES * index) for index, word in words]
    return tuple(leaves) if len(leaves) <= MAX_LEAVES else None


def argument_types(candidate: Candidate) -> list[AbiType]:
    """What the arguments of `candidate` decode to: an indexed one of several words to its hash."""
    is_event = isinstance(candidate, Event)
    return [
        HASH if is_event and one.indexed and not isinstance(one.type, WordType) else one.type
        for one in candidate.parameters
    ]


def _is_flat(kind: AbiType) -> bool:
    if isinstance(kind, TupleType):
        return all(map(_is_flat, kind.components))
    return isinstance(kind, WordType) and kind.kind in KINDS


def _words(kind: AbiType) -> Iterator[WordType]:
    if isinstance(kind, TupleType):
        for component in kind.components:
            yield from _words(component)
    else:
        assert isinstance(kind, WordType)
        yield kind


def _step(leaf: Leaf, literal: int, literal_size: int) -> tuple[int, ...]:
    kind, size = KINDS[leaf.type.kind], leaf.type.bits // 8
    return (literal, literal_size, kind, size, leaf.source, leaf.offset)


def _checks(leaf: Leaf) -> list[tuple[int, ...]]:
    sign = UNSIGNED
    if leaf.type.kind == "int":
        sign = leaf.offset + WORD_BYTES - leaf.type.bits // 8
    return [
        (leaf.source, leaf.offset + 8 * quarter, padding, sign)
        for quarter, padding in enumerate(padding_bits(leaf.type).tolist())
        if padding
    ]


def _pieces(candidate: Candidate) -> list[bytes]:
    """The text of the arguments around their words, one piece more than there are words."""
    names = [one.name for one in candidate.parameters]
    # JSON escapes this character, so it stands for nothing but a word.
    return _object_text(names, argument_types(candidate)).encode().split(b"\0")


def _object_text(names: Sequence[str], kinds: Sequence[AbiType]) -> str:
    keys = [orjson.dumps(name).decode() for name in unique_names(names)]
    values = [_value_text(kind) for kind in kinds]
    return f"{{{','.join(f'{key}:{value}' for key, value in zip(keys, values, strict=True))}}}"


def _value_text(kind: AbiType) -> str:
    if isinstance(kind, TupleType):
        return _object_text(kind.names, kind.components)
    assert isinstance(kind, WordType)
    if kind.kind == "bool":
        return "\0"
    return '"0x\0"' if kind.kind in ("address", "bytesN") else '"\0"'
