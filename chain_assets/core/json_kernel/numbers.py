"""Numbers, from hex text to where they are kept.

WORD      "0x" and 1 to 64 digits              → 32 bytes, big-endian
QUANTITY  "0x" and 1 to 16 digits, below 2^63  → 8 bytes; or a JSON number
TIMESTAMP the same, up to the year 9999        → 8 bytes, microseconds
AMOUNT    "0x" and 1 to 32 digits, below 10^38 → 16 bytes, the low half first
BOOL      true or false                        → 8 bytes, 1 or 0
"""

from __future__ import annotations

from chain_assets.core.json_kernel.layout import (
    AMOUNT,
    QUANTITY,
    TIMESTAMP,
)
from chain_assets.core.json_kernel.scan import (
    DECLINED,
    FALS,
    LETTER_E,
    MAX_DIGITS,
    NINE,
    QUOTE,
    TRUE,
    ZERO,
)
from chain_assets.core.json_kernel.simd import (
    compiled,
    decode_64,
    hex_mask,
    hex_number,
    inlined,
    load_4_bytes,
    load_byte,
    short_hex_mask,
    store_8_bytes,
    store_32_zeros,
    store_byte,
    trailing_zeros,
)

_QUOTE_0X = int.from_bytes(b'"0x', "little")
_THREE_BYTES = (1 << 24) - 1
# The first second of the year 10000, and the parts of 10^38: see core/json_columns.py.
_TIMESTAMP_LIMIT = 253_402_300_800
_AMOUNT_HIGH, _AMOUNT_LOW = divmod(10**38, 1 << 64)
_MICROSECONDS = 1_000_000


@inlined
def starts_hex(position: int) -> bool:
    """Whether `"0x` stands at `position`."""
    return load_4_bytes(position) & _THREE_BYTES == _QUOTE_0X


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
        return read_decimal(position, target) if code == QUANTITY else DECLINED
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


@compiled
def read_decimal(position: int, target: int) -> int:
    """A QUANTITY written as a JSON number: AuRa steps of Nethermind, most fields of Harmony.

    Of at most 18 digits, which always fit. What follows them is looked at by the caller, so that a
    fraction, an exponent or a leading zero is declined there.
    """
    number, first = 0, position
    while position - first < MAX_DIGITS and _is_digit(load_byte(position)):
        number = 10 * number + load_byte(position) - ZERO
        position += 1
        if number == 0:
            break
    if position == first:
        return DECLINED
    store_8_bytes(target, number)
    return position


@inlined
def _is_digit(byte: int) -> bool:
    return ZERO <= byte <= NINE


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
