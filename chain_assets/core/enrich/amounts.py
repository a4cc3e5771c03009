"""Whole tokens from a contract's units, exact, and their worth in USD.

A token's value is an integer; its `decimals` say where the point stands (EIP-20). `amount` is a
DECIMAL(38,18): 20 digits before the point and 18 behind it. What does not fit is NULL, never
rounded.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.schemas.columns import ARROW_TYPES

_SCALE = 18
_DIGITS = 38
_AMOUNT = ARROW_TYPES["decimal"]
_INTEGER = ARROW_TYPES["amount"]
_WIDE = pa.decimal256(_DIGITS, 0)
# By decimals from 0 to 18: what shifts a value to 18 digits behind the point, and the largest
# value that then still fits.
_FACTORS = pa.array([10 ** (_SCALE - d) for d in range(_SCALE + 1)], pa.decimal256(19, 0))
_LARGEST = pa.array([10 ** (_DIGITS - _SCALE + d) - 1 for d in range(_SCALE + 1)], _INTEGER)


def token_amounts(value: pa.Array, value_raw: pa.Array, decimals: pa.Array) -> pa.Array:
    """value_raw / 10^decimals as DECIMAL(38,18), exact.

    `value` is value_raw as DECIMAL(38,0), NULL from 10^38 on. NULL where `decimals` (0 to 255) is
    NULL, and where the amount has more than 18 digits behind the point or 20 before it.
    """
    usual = pc.if_else(pc.less_equal(decimals, _SCALE), decimals, pa.scalar(None, pa.int64()))
    fits = pc.less_equal(value, _LARGEST.take(usual))
    value = pc.if_else(fits, value, pa.scalar(None, _INTEGER))
    # 128 bits do not hold the product's type: Arrow counts digits of types, not of values.
    shifted = pc.multiply(value.cast(_WIDE), _FACTORS.take(usual))
    return _with_fine_amounts(_shift(shifted.cast(_INTEGER), _SCALE), value_raw, decimals)


def _with_fine_amounts(amounts: pa.Array, value_raw: pa.Array, decimals: pa.Array) -> pa.Array:
    """`amounts` with those of tokens of more than 18 decimals filled in.

    Such tokens are few, and their values may fit although they have more than 38 digits: Python's
    integers do it.
    """
    fine = pc.fill_null(pc.greater(decimals, _SCALE), False)
    if not pc.any(fine).as_py():
        return amounts
    units = [
        _fine_units(int.from_bytes(raw, "big"), places)
        for raw, places in zip(
            value_raw.filter(fine).to_pylist(), decimals.filter(fine).to_pylist(), strict=True
        )
    ]
    filled = pa.array(units, _INTEGER)
    return pc.replace_with_mask(amounts, fine, _shift(filled, _SCALE))


def _fine_units(value: int, decimals: int) -> int | None:
    units, lost = divmod(value, 10 ** (decimals - _SCALE))
    return None if lost or units >= 10**_DIGITS else units


def usd(integers: pa.Array, price: pa.Array, *, decimals: int) -> pa.Array:
    """DOUBLE: DECIMAL(38,0) integers with `decimals` digits behind the point, times the price."""
    return amounts_usd(_shift(integers, decimals), price)


def amounts_usd(amounts: pa.Array, price: pa.Array) -> pa.Array:
    """DOUBLE: amounts times price; NULL where either is."""
    return pc.multiply(amounts.cast(pa.float64()), price)


def _shift(integers: pa.Array, scale: int) -> pa.Array:
    """The same integers, read with the point `scale` digits further left: no value changes."""
    return pa.Array.from_buffers(
        pa.decimal128(_DIGITS, scale), len(integers), integers.buffers(), offset=integers.offset
    )
