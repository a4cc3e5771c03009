"""Instructions that numba has no words for: memory by address, long products, digits of bytes.

Addresses are plain integers and nothing is checked here: the callers have measured before, and
keep `SLACK` writable bytes behind the text that they write. Machines are little-endian (see
abi/routes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# The most that one instruction writes beyond what it is meant to.
SLACK = 64

_memcpy: Any = cgutils.raw_memcpy
_BYTE, _HALF, _LONG, _DOUBLE = (ir.IntType(bits) for bits in (8, 32, 64, 128))
_WORD = ir.VectorType(_BYTE, 32)
_ADDRESS_AT, _ADDRESS_BYTES = 12, 20  # of its word


def compiled(function: F) -> F:
    """`function` compiled at its first call, kept in numba's cache, run without the GIL.

    Where numba finds no folder for its cache it is compiled in each process.
    """
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
    try:
        return cast(F, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast(F, numba.njit(**options)(function))


def inlined(function: F) -> F:
    """`function` as a part of each compiled function that calls it: an array is many arguments.

    Numba's cache looks at the caller's file only: who changes this one's must empty the cache.
    """
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
    return cast(F, numba.njit(forceinline=True, **options)(function))


def intrinsic(definition: Callable[..., Any]) -> Any:
    """`definition` as an instruction: its first parameter is the compiler's, not the caller's."""
    return numba_intrinsic(definition)


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def _store(builder: Any, address: Any, value: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


@intrinsic
def load(context: Any, address: Any) -> Any:
    """`load(address)`: the eight bytes there as they stand, as an integer of the machine."""
    return types.uint64(types.int64), _loader(_LONG)


@intrinsic
def load_half(context: Any, address: Any) -> Any:
    """`load_half(address)`: four bytes."""
    return types.uint64(types.int64), _loader(_HALF)


@intrinsic
def load_byte(context: Any, address: Any) -> Any:
    """`load_byte(address)`: one byte."""
    return types.uint64(types.int64), _loader(_BYTE)


def _loader(kind: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        return builder.zext(_load(builder, values[0], kind), _LONG)

    return generate


@intrinsic
def store(context: Any, address: Any, value: Any) -> Any:
    """`store(address, value)`: the eight bytes of an integer of the machine."""

    def generate(target: Any, builder: Any, _: Any, values: Any) -> Any:
        _store(builder, *values)
        return target.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


@intrinsic
def store_half(context: Any, address: Any, value: Any) -> Any:
    """`store_half(address, value)`: the lower four bytes."""

    def generate(target: Any, builder: Any, _: Any, values: Any) -> Any:
        _store(builder, values[0], builder.trunc(values[1], _HALF))
        return target.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


@intrinsic
def load_number(context: Any, address: Any) -> Any:
    """`load_number(address)`: the eight bytes there, big-endian, as a number."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        return builder.bswap(_load(builder, values[0], _LONG))

    return types.uint64(types.int64), generate


@intrinsic
def copy_word(context: Any, target: Any, source: Any) -> Any:
    """`copy_word(target, source)`: 32 bytes."""

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:
        _store(builder, values[0], _load(builder, values[1], _WORD))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def copy_bytes(context: Any, target: Any, source: Any, size: Any) -> Any:
    """`copy_bytes(target, source, size)`: as many bytes as it says."""

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:
        pointer = context.get_value_type(types.voidptr)
        places = [builder.inttoptr(value, pointer) for value in values[:2]]
        _memcpy(builder, *places, values[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def multiply_high(context: Any, left: Any, right: Any) -> Any:
    """`multiply_high(left, right)`: the upper half of the product of two unsigned integers."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        wide = [builder.zext(value, _DOUBLE) for value in values]
        product = builder.lshr(builder.mul(*wide), ir.Constant(_DOUBLE, 64))
        return builder.trunc(product, _LONG)

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def write_word_hex(context: Any, target: Any, source: Any) -> Any:
    """`write_word_hex(target, source)`: the word at `source` as 64 hex digits, lower-case."""
    return types.void(types.int64, types.int64), _hex_writer(range(32))


@intrinsic
def write_address_hex(context: Any, target: Any, source: Any) -> Any:
    """`write_address_hex(target, source)`: the address in the word at `source`, 40 hex digits.

    It writes 64 bytes, the last 24 of no meaning.
    """
    kept = range(_ADDRESS_AT, _ADDRESS_AT + _ADDRESS_BYTES)
    return types.void(types.int64, types.int64), _hex_writer([*kept, *[0] * _ADDRESS_AT])


def _hex_writer(order: Sequence[int]) -> Any:
    """Code that writes both digits of the bytes of a word, in `order`."""

    def all_of(value: int, lanes: int) -> Any:
        return ir.Constant(ir.VectorType(_BYTE, lanes), [ir.Constant(_BYTE, value)] * lanes)

    def generate(context: Any, builder: Any, _: Any, values: Any) -> Any:
        word = _load(builder, values[1], _WORD)
        upper = builder.lshr(word, all_of(4, 32))
        lower = builder.and_(word, all_of(15, 32))
        places = [lane for byte in order for lane in (byte, byte + 32)]
        index = ir.Constant(
            ir.VectorType(ir.IntType(32), 64), [ir.Constant(ir.IntType(32), p) for p in places]
        )
        digits = builder.shuffle_vector(upper, lower, index)
        letters = builder.icmp_unsigned(">", digits, all_of(9, 64))
        base = builder.select(letters, all_of(ord("a") - 10, 64), all_of(ord("0"), 64))
        _store(builder, values[0], builder.add(digits, base))
        return context.get_dummy_value()

    return generate
