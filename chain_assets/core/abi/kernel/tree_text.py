"""Arguments of any type as JSON text: the second walk of rows that the first found good.

The first walk (kernel/walk.py) has checked every pointer and length, and counted what there is to
write, so that this one follows and copies without looking.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from chain_assets.core.abi.kernel.digits import SCRATCH_BYTES
from chain_assets.core.abi.kernel.layouts import BODY
from chain_assets.core.abi.kernel.memory import (
    SLACK,
    compiled,
    inlined,
    load_byte,
    load_number,
    store,
    write_word_hex,
)
from chain_assets.core.abi.kernel.phrases import FIELDS, HEX, ITEMS, TEXT, Phrases
from chain_assets.core.abi.kernel.programs import ANY_SIZE, ARRAY, Program
from chain_assets.core.abi.kernel.sources import Longs, Sources, place_of
from chain_assets.core.abi.kernel.value_text import write_literal, write_value
from chain_assets.core.abi.types import MAX_DEPTH

_COMMA = np.uint64(ord(","))

# Columns of the stack: where an array or tuple begins, where its next head is, its next child,
# how far the one after it is, how many are left, whether one came before, and its own node.
_PLACE, _HEAD, _CHILD, _STEP, _LEFT, _BEGUN, _NODE = range(7)
_STACK = (MAX_DEPTH + 3, 7)


def _escapes() -> npt.NDArray[np.uint64]:
    """Of each ASCII character how JSON writes it, and how many characters that are."""
    texts = [orjson.dumps(chr(code))[1:-1] for code in range(128)]
    rows = [(int.from_bytes(text, "little"), len(text)) for text in texts]
    return np.array(rows, np.uint64)


_ESCAPES = _escapes()


def write_rows(
    program: Program, phrases: Phrases, sources: Sources, rows: Longs, *, most_text: int
) -> Any:
    """The texts of `rows`, all of them good, as an Arrow string array; `most_text` bounds them."""
    memory = pa.allocate_buffer(most_text + SLACK)
    offsets = np.zeros(len(rows) + 1, np.int32)
    _write_rows(
        program.nodes,
        phrases.phrases,
        phrases.literals.ctypes.data,
        program.first_topic,
        sources.columns,
        rows,
        _ESCAPES,
        memory.address,
        offsets,
    )
    buffers = [None, pa.py_buffer(offsets), memory.slice(0, int(offsets[-1]))]
    return pa.Array.from_buffers(pa.string(), len(rows), buffers)


@compiled
def _write_rows(
    nodes: Any,
    phrases: Any,
    literals: int,
    first_topic: int,
    columns: Longs,
    rows: Longs,
    escapes: Any,
    memory: int,
    offsets: Any,
) -> None:
    stack, scratch = np.empty(_STACK, np.int64), np.empty(SCRATCH_BYTES, np.uint8)
    out = memory
    for index in range(len(rows)):
        out = _write_row(
            nodes,
            phrases,
            literals,
            first_topic,
            columns,
            rows[index],
            escapes,
            stack,
            scratch.ctypes.data,
            out,
        )
        offsets[index + 1] = out - memory


@compiled
def _write_row(
    nodes: Any,
    phrases: Any,
    literals: int,
    first_topic: int,
    columns: Longs,
    row: int,
    escapes: Any,
    stack: Longs,
    scratch: int,
    out: int,
) -> int:
    body, topic, depth = place_of(columns, BODY, row), first_topic, 0
    out = write_literal(out, literals + phrases[0].before, phrases[0].before_size)
    _enter(nodes, 0, body, stack[0])
    while depth >= 0:
        frame = stack[depth]
        if frame[_LEFT] == 0:
            if depth == 0:
                out = _topics(
                    nodes, phrases, literals, columns, row, topic, len(nodes), scratch, out
                )
            phrase = phrases[frame[_NODE]]
            out = write_literal(out, literals + phrase.after, phrase.after_size)
            depth -= 1
            continue
        child, head = frame[_CHILD], frame[_HEAD]
        node, phrase = nodes[child], phrases[child]
        if depth == 0:
            stop = first_topic + phrase.topics
            out = _topics(nodes, phrases, literals, columns, row, topic, stop, scratch, out)
            topic = stop
        if frame[_STEP] == 0 and frame[_BEGUN] != 0:
            store(out, _COMMA)
            out += 1
        frame[_BEGUN] = 1
        frame[_LEFT] -= 1
        frame[_HEAD] += node.head
        frame[_CHILD] += frame[_STEP]
        out = write_literal(out, literals + phrase.before, phrase.before_size)
        place = head
        if node.dynamic:
            place = frame[_PLACE] + np.int64(load_number(head + 24))
        if phrase.kind == ITEMS or phrase.kind == FIELDS:
            depth += 1
            _enter(nodes, child, place, stack[depth])
            continue
        if phrase.kind == TEXT:
            out = _write_string(out, place, escapes)
        elif phrase.kind == HEX:
            out = _write_hex(out, place)
        else:
            out += write_value(out, place, phrase.kind, phrase.size, scratch)
        out = write_literal(out, literals + phrase.after, phrase.after_size)
    return out


@inlined
def _enter(nodes: Any, index: int, place: int, frame: Longs) -> None:
    """Begin the array or the tuple at `place`: set `frame` to its first child."""
    node = nodes[index]
    count, step = node.stop - node.first, 1
    if node.kind == ARRAY:
        count, step = node.size, 0
        if count == ANY_SIZE:
            count = np.int64(load_number(place + 24))
            place += 32
    frame[_PLACE] = frame[_HEAD] = place
    frame[_CHILD], frame[_STEP], frame[_LEFT] = node.first, step, count
    frame[_BEGUN], frame[_NODE] = 0, index


@inlined
def _topics(
    nodes: Any,
    phrases: Any,
    literals: int,
    columns: Longs,
    row: int,
    first: int,
    stop: int,
    scratch: int,
    out: int,
) -> int:
    """Write the topics `first` to `stop`."""
    for index in range(first, stop):
        phrase = phrases[index]
        out = write_literal(out, literals + phrase.before, phrase.before_size)
        word = place_of(columns, nodes[index].source, row)
        out += write_value(out, word, phrase.kind, phrase.size, scratch)
        out = write_literal(out, literals + phrase.after, phrase.after_size)
    return out


@inlined
def _write_string(out: int, place: int, escapes: Any) -> int:
    size = np.int64(load_number(place + 24))
    for position in range(place + 32, place + 32 + size):
        code = np.int64(load_byte(position))
        store(out, escapes[code, 0])
        out += int(escapes[code, 1])
    return out


@inlined
def _write_hex(out: int, place: int) -> int:
    """A whole number of words: the padding's digits are written over by what follows."""
    size = np.int64(load_number(place + 24))
    for done in range(0, size, 32):
        write_word_hex(out + 2 * done, place + 32 + done)
    return int(out + 2 * size)
