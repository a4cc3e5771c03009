"""Values of one key, from hex text to the buffers of their slot.

    FIXED    "0x" and two digits for each byte    → width bytes appended
    DATA     "0x" and an even number of digits    → its bytes appended
    WORD     "0x" and 1 to 64 digits              → 32 bytes appended, big-endian
    QUANTITY "0x" and 1 to 16 digits, below 2^63  → 8 bytes in the place of the row
    AMOUNT   "0x" and 1 to 32 digits, below 10^38 → 16 bytes (low half first) there

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
from chain_assets.core.json_kernel.scan import (
    CLOSE_LIST,
    COMMA,
    DECLINED,
    FALS,
    LETTER_E,
    OPEN_LIST,
    QUOTE,
    TRUE,
    in_window,
)
from chain_assets.core.json_kernel.simd import (
    copy_64,
    decode_64,
    get,
    hex_mask,
    hex_number,
    inlined,
    load_4_bytes,
    load_byte,
    plain_mask,
    put,
    short_hex_mask,
    store_8_bytes,
    store_32_zeros,
    store_byte,
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
_QUOTE_0X = int.from_bytes(b'"0x', "little")
_THREE_BYTES = (1 << 24) - 1
_ALL = -1
# The first second of the year 10000, and the parts of 10^38: see core/json_columns.py.
_TIMESTAMP_LIMIT = 253_402_300_800
_AMOUNT_HIGH, _AMOUNT_LOW = divmod(10**38, 1 << 64)
_MICROSECONDS = 1_000_000
_FIRST_TOPIC = SLOT_OF["log.topic0"]


@inlined
def starts_hex(position: int) -> bool:
    """Whether `"0x` stands at `position`."""
    return load_4_bytes(position) & _THREE_BYTES == _QUOTE_0X


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
def read_word(position: int, target: int) -> int:
    """A quantity below 2^256, as 32 bytes big-endian."""
    if not starts_hex(position):
        return DECLINED
    position += 3
    digits = trailing_zeros(~hex_mask(position))
    if digits == 0 or load_byte(position + digits) != QUOTE:
        return DECLINED
    # An odd number of digits is read from the x before them, whose half of a byte is then erased.
    odd = digits & 1
    first = target + 32 - ((digits + odd) >> 1)
    store_32_zeros(target)
    decode_64(position - odd, first)
    if odd:
        store_byte(first, load_byte(first) & 0x0F)
    return position + digits + 1


@inlined
def read_number(position: int, target: int, code: int, limit_digits: int) -> int:
    """A QUANTITY, TIMESTAMP or AMOUNT of at most `limit_digits` hex digits."""
    if not starts_hex(position):
        return DECLINED
    position += 3
    digits = trailing_zeros(~short_hex_mask(position))
    if digits == 0 or digits > limit_digits or load_byte(position + digits) != QUOTE:
        return DECLINED
    if digits <= 16:
        high, low = 0, hex_number(position, digits)
    else:
        high = hex_number(position, digits - 16)
        low = hex_number(position + digits - 16, 16)
    if code == AMOUNT:
        # Both halves are without a sign: a negative one is 2^63 or more.
        if high < 0 or high > _AMOUNT_HIGH:
            return DECLINED
        if high == _AMOUNT_HIGH and (low < 0 or low >= _AMOUNT_LOW):
            return DECLINED
        store_8_bytes(target + 8, high)
    elif low < 0:
        return DECLINED
    elif code == TIMESTAMP:
        if low >= _TIMESTAMP_LIMIT:
            return DECLINED
        low *= _MICROSECONDS
    store_8_bytes(target, low)
    return position + digits + 1


@inlined
def read_bool(position: int, target: int) -> int:
    """true or false, as 1 or 0."""
    word = load_4_bytes(position)
    if word == TRUE:
        store_8_bytes(target, 1)
        return position + 4
    if word == FALS and load_byte(position + 4) == LETTER_E:
        store_8_bytes(target, 0)
        return position + 5
    return DECLINED


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
