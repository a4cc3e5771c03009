"""Integers of 256 bits as decimal text: nineteen digits at a time, by a division without `div`.

Dividing by a constant that fills its 64 bits takes two products with its reciprocal (Möller and
Granlund, "Improved division by invariant integers", algorithm 4); 10^19 is such a constant.
"""

from __future__ import annotations

import numpy as np

from chain_assets.core.abi.kernel.memory import (
    compiled,
    copy_word,
    inlined,
    load,
    load_number,
    multiply_high,
    store,
)

U64 = np.uint64

# Text is made from its end, so it is made here first: 2^256 has 78 digits, and eight are written
# at a time. The rest is for copies of whole words.
SCRATCH_BYTES = 192
_END = 128

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_GROUP = np.uint64(10**19)
_GROUP_DIGITS = 19
_RECIPROCAL = np.uint64((2**128 - 1) // 10**19 - 2**64)

_SIXTEEN, _EIGHT, _FOUR = np.uint64(10**16), np.uint64(10**8), np.uint64(10**4)
_ALL_ZEROS = np.uint64(0x3030303030303030)
_SIGN = np.uint64(1 << 63)


@compiled
def write_unsigned(out: int, word: int, scratch: int) -> int:
    """Write the integer at address `word` to address `out`; returns how many digits it has."""
    return _write_limbs(
        out,
        load_number(word),
        load_number(word + 8),
        load_number(word + 16),
        load_number(word + 24),
        scratch,
    )


@compiled
def write_signed(out: int, word: int, scratch: int) -> int:
    """As `write_unsigned`, in two's complement: a minus counts as a digit."""
    a, b, c, d = (
        load_number(word),
        load_number(word + 8),
        load_number(word + 16),
        load_number(word + 24),
    )
    if a & _SIGN == _ZERO:
        return _write_limbs(out, a, b, c, d, scratch)
    store(out, np.uint64(ord("-")))
    # Minus a number is its bits inverted, plus one, which carries as long as it meets zeros.
    d = ~d + _ONE
    carry = d == _ZERO
    c = ~c + np.uint64(carry)
    carry = carry and c == _ZERO
    b = ~b + np.uint64(carry)
    carry = carry and b == _ZERO
    a = ~a + np.uint64(carry)
    return 1 + _write_limbs(out + 1, a, b, c, d, scratch)


@compiled
def _write_limbs(out: int, a: U64, b: U64, c: U64, d: U64, scratch: int) -> int:
    """`a` is the most significant limb."""
    end = scratch + _END
    place = end
    while a | b | c != _ZERO:
        rest = _ZERO
        if a != _ZERO:
            a, rest = _divide(rest, a)
        if b | rest != _ZERO:
            b, rest = _divide(rest, b)
        c, rest = _divide(rest, c)
        d, rest = _divide(rest, d)
        _store_group(place, rest)
        place -= _GROUP_DIGITS
    start = place - _store_digits(place, d)
    count = end - start
    for done in range(0, count, 32):
        copy_word(out + done, start + done)
    return count


@inlined
def _divide(high: U64, low: U64) -> tuple[U64, U64]:
    """Quotient and remainder of `high * 2^64 + low` by 10^19; `high` is less than 10^19."""
    fraction = high * _RECIPROCAL + low
    quotient = multiply_high(high, _RECIPROCAL) + high + np.uint64(fraction < low) + _ONE
    remainder = low - quotient * _GROUP
    if remainder > fraction:
        quotient -= _ONE
        remainder += _GROUP
    if remainder >= _GROUP:
        quotient += _ONE
        remainder -= _GROUP
    return quotient, remainder


@inlined
def _store_digits(end: int, value: U64) -> int:
    """Write `value` before `end`, with zeros in front of it; returns how many digits it has."""
    if value >= _SIXTEEN:
        _store_group(end, value)
        return 24 - _leading_zeros(end - 24)
    upper = value // _EIGHT
    _store_eight(end - 8, value - upper * _EIGHT)
    if upper == _ZERO:
        return 8 - _leading_zeros(end - 8)
    _store_eight(end - 16, upper)
    return 16 - _leading_zeros(end - 16)


@inlined
def _store_group(end: int, value: U64) -> None:
    """Write `value` before `end` as 24 digits, zeros included."""
    upper = value // _EIGHT
    _store_eight(end - 8, value - upper * _EIGHT)
    highest = upper // _EIGHT
    _store_eight(end - 16, upper - highest * _EIGHT)
    _store_eight(end - 24, highest)


@inlined
def _leading_zeros(place: int) -> int:
    """How many of the first seven digits at `place` come before one that is not zero."""
    digits = load(place) ^ _ALL_ZEROS
    count = 0
    while count < 7 and digits & np.uint64(0xFF) == _ZERO:
        digits >>= np.uint64(8)
        count += 1
    return count


@inlined
def _store_eight(place: int, value: U64) -> None:
    """The eight digits of `value`: split in the middle, both halves again, and so on, at once."""
    upper = value // _FOUR
    halves = upper | (value - upper * _FOUR) << np.uint64(32)
    hundreds = (halves * np.uint64(10486) >> np.uint64(20)) & np.uint64(0x7F0000007F)
    pairs = hundreds | (halves - hundreds * np.uint64(100)) << np.uint64(16)
    tens = (pairs * np.uint64(103) >> np.uint64(10)) & np.uint64(0x000F000F000F000F)
    store(place, (tens | (pairs - tens * np.uint64(10)) << np.uint64(8)) | _ALL_ZEROS)
