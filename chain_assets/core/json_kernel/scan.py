"""Moving over the text of one document: the window that may be read, keys, values left out.

A payload is read where it lies, but vectors read 64 bytes at a time, also behind its end. So its
last bytes are copied to a tail, with zeros behind them, and reading goes on there:

    payload  [..............................|.. GUARD ..]
                                        turn ↓ shift
    tail                                    [.. GUARD ..|000 GUARD 000]

A position that in_window() gave has GUARD readable bytes before it must be asked again: a key with
the longest value of fixed length, or one step of 64 bytes over a value of any length. No character
that is taken as part of the JSON is a zero, so nothing goes on behind the end.

Each reader takes the position of what it reads and gives the position behind it, or DECLINED where
the text is not of the plain sort that the kernel reads: the strict reader then has the last word.
"""

from __future__ import annotations

from chain_assets.core.json_kernel.simd import (
    get,
    inlined,
    load_4_bytes,
    load_byte,
    plain_mask,
    put,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import (
    SHIFT,
    TURN,
)

DECLINED = 0
NEVER = (1 << 63) - 1

QUOTE, COMMA, COLON, MINUS, ZERO, NINE = (ord(c) for c in '",:-09')
OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT = (ord(c) for c in "[]{}")
NULL, TRUE, FALS = (int.from_bytes(word, "little") for word in (b"null", b"true", b"fals"))
LETTER_E = ord("e")
# Longer integers may not fit what the strict reader makes of them.
MAX_DIGITS = 18


@inlined
def in_window(position: int, work: int) -> int:
    """`position`, or the same place in the tail where it is near the end of the payload."""
    if position > get(work, TURN):
        position += get(work, SHIFT)
        put(work, TURN, NEVER)
    return position


@inlined
def skip_plain(position: int, work: int) -> int:
    """Skip a string from behind its first quote; only plain characters are taken."""
    while True:
        position = in_window(position, work)
        other = ~plain_mask(position)
        if other != 0:
            end = position + trailing_zeros(other)
            return end + 1 if load_byte(end) == QUOTE else DECLINED
        position += 64


@inlined
def skip_integer(position: int) -> int:
    """Skip an integer in decimal: no leading zeros, no fraction, no exponent."""
    if load_byte(position) == MINUS:
        position += 1
    start = position
    while ZERO <= load_byte(position) <= NINE and position - start <= MAX_DIGITS:
        position += 1
    digits = position - start
    if digits == 0 or digits > MAX_DIGITS or (digits > 1 and load_byte(start) == ZERO):
        return DECLINED
    return position


@inlined
def skip_scalar(position: int, work: int) -> int:
    """Skip a string, integer, true, false or null."""
    position = in_window(position, work)
    if load_byte(position) == QUOTE:
        return skip_plain(position + 1, work)
    word = load_4_bytes(position)
    if word in (NULL, TRUE):
        return position + 4
    if word == FALS:
        return position + 5 if load_byte(position + 4) == LETTER_E else DECLINED
    return skip_integer(position)


@inlined
def skip_value(position: int, work: int) -> int:
    """Skip a scalar or a list of scalars. What is nested deeper is the strict reader's."""
    if load_byte(position) != OPEN_LIST:
        return skip_scalar(position, work)
    if load_byte(position + 1) == CLOSE_LIST:
        return position + 2
    while True:
        position = skip_scalar(position + 1, work)
        if position == DECLINED:
            return DECLINED
        end = load_byte(position)
        if end == CLOSE_LIST:
            return position + 1
        if end != COMMA:
            return DECLINED
