"""Values of one key, from hex text to the buffers of their slot.

    FIXED   "0x" and two digits for each byte   → width bytes appended
    DATA    "0x" and an even number of digits   → its bytes appended
    HASHES  a list of FIXED                     → 32 bytes each appended
    TEXT    plain text                          → its bytes appended
    WORD    see numbers.py                      → 32 bytes appended
    others  see numbers.py                      → written at the place of the row

Vectors are stored whole: up to 63 bytes behind what is meant are overwritten, by the next value or
in the buffer's SLACK.
"""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import (
    AMOUNT,
    AUTHORIZATION,
    BOOL,
    DATA,
    FIXED,
    HASHES,
    QUANTITY,
    SLOT_OF,
    TIMESTAMP,
    WORD,
)
from chain_assets.core.json_kernel.numbers import (
    read_bool,
    read_number,
    read_word,
    starts_hex,
)
from chain_assets.core.json_kernel.scan import (
    CLOSE_LIST,
    COMMA,
    DECLINED,
    OPEN_LIST,
    QUOTE,
    in_window,
)
from chain_assets.core.json_kernel.simd import (
    copy_64,
    decode_64,
    get,
    inlined,
    load_byte,
    plain_mask,
    put,
    trailing_zeros,
)
from chain_assets.core.json_kernel.work import (
    CODE,
    FILL,
    VALUES,
    WIDTH,
    slot_row,
)

SLACK = 128
_ALL = -1
_FIRST_TOPIC = SLOT_OF["log.topic0"]


@inlined
def read_fixed(position: int, target: int, width: int) -> int:
    """DATA of `width` bytes: one vector up to 32 bytes, else a multiple of 32 (a bloom)."""
    digits = 2 * width
    if not starts_hex(position) or load_byte(position + 3 + digits) != QUOTE:
        return DECLINED
    position += 3
    if digits <= 64:
        wanted = _ALL if digits == 64 else (1 << digits) - 1
        if decode_64(position, target) & wanted != wanted:
            return DECLINED
    else:
        valid = _ALL
        for done in range(0, digits, 64):
            valid &= decode_64(position + done, target + (done >> 1))
        if valid != _ALL:
            return DECLINED
    return position + digits + 1


@inlined
def read_data(position: int, work: int, slot: int) -> int:
    """DATA of any length, appended to the slot's buffer."""
    if not starts_hex(position):
        return DECLINED
    position += 3
    target = get(slot, VALUES) + get(slot, FILL)
    start = target
    while True:
        position = in_window(position, work)
        other = ~decode_64(position, target)
        if other != 0:
            break
        position += 64
        target += 32
    digits = trailing_zeros(other)
    position += digits
    if digits & 1 or load_byte(position) != QUOTE:
        return DECLINED
    put(slot, FILL, get(slot, FILL) + target + (digits >> 1) - start)
    return position + 1


@inlined
def read_text(position: int, work: int, slot: int) -> int:
    """A plain string, appended to the slot's buffer as it is."""
    if load_byte(position) != QUOTE:
        return DECLINED
    position += 1
    target = get(slot, VALUES) + get(slot, FILL)
    start = target
    while True:
        position = in_window(position, work)
        copy_64(position, target)
        other = ~plain_mask(position)
        if other != 0:
            break
        position += 64
        target += 64
    length = trailing_zeros(other)
    position += length
    if load_byte(position) != QUOTE:
        return DECLINED
    put(slot, FILL, get(slot, FILL) + target + length - start)
    return position + 1


@inlined
def read_hashes(position: int, work: int, slot: int) -> int:
    """A list of hashes, appended to the slot's buffer."""
    if load_byte(position) != OPEN_LIST:
        return DECLINED
    position += 1
    if load_byte(position) == CLOSE_LIST:
        return position + 1
    while True:
        position = in_window(position, work)
        position = read_fixed(position, get(slot, VALUES) + get(slot, FILL), 32)
        if position == DECLINED:
            return DECLINED
        put(slot, FILL, get(slot, FILL) + 32)
        end = load_byte(position)
        position += 1
        if end == CLOSE_LIST:
            return position
        if end != COMMA:
            return DECLINED


@inlined
def read_topics(position: int, work: int) -> tuple[int, int]:
    """A list of at most four hashes, topic i to its own slot; and how many there are."""
    if load_byte(position) != OPEN_LIST:
        return DECLINED, 0
    position += 1
    if load_byte(position) == CLOSE_LIST:
        return position + 1, 0
    for count in range(4):
        slot = slot_row(work, _FIRST_TOPIC + count)
        position = read_fixed(position, get(slot, VALUES) + get(slot, FILL), 32)
        if position == DECLINED:
            return DECLINED, 0
        put(slot, FILL, get(slot, FILL) + 32)
        end = load_byte(position)
        position += 1
        if end == CLOSE_LIST:
            return position, count + 1
        if end != COMMA:
            return DECLINED, 0
    return DECLINED, 0


@inlined
def read_value(position: int, work: int, slot: int, kind: int, row: int) -> int:
    """The value of a slot that holds values, by its code."""
    code = get(slot, CODE)
    target = get(slot, VALUES)
    if code == FIXED:
        width = get(slot, WIDTH)
        position = read_fixed(position, target + get(slot, FILL), width)
        put(slot, FILL, get(slot, FILL) + width)
        return position
    if code in (QUANTITY, TIMESTAMP):
        return read_number(position, target + 8 * row, code, 16)
    if code == AMOUNT:
        # EIP-7702 keeps the nonce of an authorization below 2^64.
        return read_number(position, target + 16 * row, code, 16 if kind == AUTHORIZATION else 32)
    if code == DATA:
        return read_data(position, work, slot)
    if code == WORD:
        position = read_word(position, target + get(slot, FILL))
        put(slot, FILL, get(slot, FILL) + 32)
        return position
    if code == HASHES:
        return read_hashes(position, work, slot)
    if code == BOOL:
        return read_bool(position, target + 8 * row)
    return read_text(position, work, slot)
