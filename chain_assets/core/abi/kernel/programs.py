"""Type trees as arrays of nodes, which a kernel can walk for any row.

Node 0 is the frame of all arguments of the body; the children of a node stand side by side.
After the tree come the indexed arguments of an event, one node each, read from its topics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from chain_assets.core.abi.decoding import lowest_pointer
from chain_assets.core.abi.kernel.layouts import BODY, UNSIGNED, Candidate, argument_types
from chain_assets.core.abi.signatures import Event
from chain_assets.core.abi.types import (
    WORD_BYTES,
    AbiType,
    ArrayType,
    BlobType,
    TupleType,
    WordType,
)
from chain_assets.core.abi.word_rules import padding_bits

WORD, BLOB, ARRAY, TUPLE = range(4)
ANY_SIZE = -1
_WIDTHS = {WORD: (WORD_BYTES, 0), BLOB: (4, 1), ARRAY: (8, 0), TUPLE: (0, 0)}

NODE = np.dtype(
    [
        ("kind", np.int64),
        ("dynamic", np.bool_),
        ("is_text", np.bool_),  # of a blob
        ("head", np.int64),  # bytes that it takes in the frame that it is in
        ("size", np.int64),  # items of an array, or ANY_SIZE; bytes of the heads of a tuple
        ("lowest", np.int64),  # where the pointers of a tuple may lead to at least
        ("first", np.int64),  # its children
        ("stop", np.int64),
        ("source", np.int64),  # BODY, or the number of a topic
        ("sign", np.int64),  # as in layouts.CHECK
        ("padding0", np.uint64),
        ("padding1", np.uint64),
        ("padding2", np.uint64),
        ("padding3", np.uint64),
    ]
)


@dataclass(frozen=True)
class Program:
    """`types[i]` is what node i decodes to; `arguments` are the nodes of a candidate's, in order.

    Nodes from `first_topic` on are topics.
    """

    nodes: npt.NDArray[np.void]
    types: tuple[AbiType, ...]
    arguments: tuple[int, ...]
    first_topic: int

    @cached_property
    def widths(self) -> npt.NDArray[np.int64]:
        """Of each node the bytes that it takes in a column: of a value, and of a part of it.

        Values are words, or the ends of blobs (32 bits) and of arrays (64 bits).
        """
        return np.array([_WIDTHS[kind] for kind in self.nodes["kind"].tolist()], np.int64)

    @cached_property
    def with_ends(self) -> npt.NDArray[np.bool_]:
        """Which nodes have ends, and so one more of them than values."""
        return np.isin(self.nodes["kind"], (BLOB, ARRAY))


def make_program(candidate: Candidate) -> Program:
    """How to decode the arguments of `candidate`."""
    kinds = argument_types(candidate)
    is_event = isinstance(candidate, Event)
    in_topics = [is_event and parameter.indexed for parameter in candidate.parameters]
    body = [kind for kind, indexed in zip(kinds, in_topics, strict=True) if not indexed]
    topics = [kind for kind, indexed in zip(kinds, in_topics, strict=True) if indexed]
    root = TupleType(tuple(body), ("",) * len(body))
    types: list[AbiType] = [root]
    children: list[tuple[int, int]] = []
    for kind in types:  # which grows on the way
        inner = _children(kind)
        children.append((len(types), len(types) + len(inner)))
        types += inner
    nodes = np.zeros(len(types) + len(topics), NODE)
    for index, (kind, (first, stop)) in enumerate(zip(types, children, strict=True)):
        nodes[index] = _node(kind, first, stop, BODY)
    # No pointer leads to the frame itself, and it costs nothing.
    nodes["dynamic"][0] = False
    for number, kind in enumerate(topics, start=1):
        nodes[len(types) + number - 1] = _node(kind, 0, 0, number)
    body_nodes, topic_nodes = iter(range(1, 1 + len(body))), iter(range(len(types), len(nodes)))
    arguments = tuple(next(topic_nodes if indexed else body_nodes) for indexed in in_topics)
    return Program(nodes, (*types, *topics), arguments, len(types))


def _children(kind: AbiType) -> Sequence[AbiType]:
    if isinstance(kind, TupleType):
        return kind.components
    return (kind.item,) if isinstance(kind, ArrayType) else ()


def _node(kind: AbiType, first: int, stop: int, source: int) -> tuple[int, ...]:
    sign, padding = UNSIGNED, [0, 0, 0, 0]
    size = lowest = 0
    if isinstance(kind, WordType):
        number, padding = WORD, padding_bits(kind).tolist()
        if kind.kind in ("int", "fixed"):
            sign = WORD_BYTES - kind.bits // 8
    elif isinstance(kind, BlobType):
        number = BLOB
    elif isinstance(kind, ArrayType):
        number, size = ARRAY, ANY_SIZE if kind.size is None else kind.size
    else:
        number, lowest = TUPLE, lowest_pointer(kind.components)
        size = WORD_BYTES * sum(one.words for one in kind.components)
    is_text = kind.canonical == "string"
    head = WORD_BYTES * kind.words
    return (
        *(number, kind.is_dynamic, is_text, head, size, lowest, first, stop, source, sign),
        *padding,
    )
