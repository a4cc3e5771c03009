"""Vector instructions for numba: 64 bytes of text at a time.

Each operation is written as LLVM vector IR, which LLVM turns into what the machine has: one AVX-512
instruction, two of AVX2, four of SSE2 or NEON. Addresses are plain integers and nothing is checked:
the callers keep 64 readable bytes behind whatever they look at (see window.py).

A mask has bit i set where byte i of the 64 is of the sort asked for; -1 is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
_BYTE, _INT16, _INT32, _INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
LANES = 64


def compiled(function: Function) -> Function:
    """`function` compiled with whatever calls it, to run without the GIL."""
    return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """`function` as a part of each compiled function that calls it."""
    return cast(Function, numba.njit(nogil=True, error_model="numpy", forceinline=True)(function))


def cached(function: Function) -> Function:
    """`function` compiled with all that it calls, and kept in numba's cache for other processes.

    Where numba finds no folder for its cache, each process compiles for itself.
    """
    try:
        return cast(Function, numba.njit(nogil=True, error_model="numpy", cache=True)(function))
    except RuntimeError:
        return compiled(function)


def operation(emit: Callable[..., ir.Value | None]) -> Callable[..., int]:
    """An operation on int64 values from what emits its IR. Without a result it gives 0."""

    def signature(count: int) -> tuple[Any, Any]:
        def generate(_: Any, builder: ir.IRBuilder, __: Any, values: Any) -> ir.Value:
            result = emit(builder, *values)
            return ir.Constant(_INT64, 0) if result is None else result

        return types.int64(*[types.int64] * count), generate

    # numba counts the parameters of what it is given, so each number has its own.
    def one(context: Any, a: Any) -> Any:
        return signature(1)

    def two(context: Any, a: Any, b: Any) -> Any:
        return signature(2)

    def three(context: Any, a: Any, b: Any, c: Any) -> Any:
        return signature(3)

    definition = {1: one, 2: two, 3: three}[emit.__code__.co_argcount - 1]
    definition.__name__ = emit.__name__
    return cast(Callable[..., int], intrinsic(definition))


def _vector(lanes: int, element: ir.Type = _BYTE) -> ir.VectorType:
    return ir.VectorType(element, lanes)


def _all(value: int, lanes: int = LANES, element: ir.Type = _BYTE) -> ir.Constant:
    return ir.Constant(_vector(lanes, element), [ir.Constant(element, value)] * lanes)


def _load(builder: ir.IRBuilder, address: ir.Value, type_: ir.Type) -> ir.Value:
    return builder.load(builder.inttoptr(address, type_.as_pointer()), align=1)


def _store(builder: ir.IRBuilder, value: ir.Value, address: ir.Value) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def _mask(builder: ir.IRBuilder, flags: ir.Value) -> ir.Value:
    bits = builder.bitcast(flags, ir.IntType(flags.type.count))
    return bits if flags.type.count == LANES else builder.zext(bits, _INT64)


def _in_range(builder: ir.IRBuilder, text: ir.Value, low: str, high: str) -> ir.Value:
    lanes, span = text.type.count, ord(high) - ord(low) + 1
    shifted = builder.sub(text, _all(ord(low), lanes))
    return builder.icmp_unsigned("<", shifted, _all(span, lanes))


def _hex_flags(builder: ir.IRBuilder, text: ir.Value) -> ir.Value:
    lower = builder.or_(text, _all(0x20, text.type.count))
    digit, letter = _in_range(builder, text, "0", "9"), _in_range(builder, lower, "a", "f")
    return builder.or_(digit, letter)


def _hex_bytes(builder: ir.IRBuilder, text: ir.Value) -> ir.Value:
    """Hex digits, two a byte; of other characters the result means nothing."""
    lanes = text.type.count
    letter = builder.icmp_unsigned(">", text, _all(ord("9"), lanes))
    nibble = builder.add(
        builder.and_(text, _all(15, lanes)),
        builder.select(letter, _all(9, lanes), _all(0, lanes)),
    )
    # The first digit of a pair is the low byte of a little-endian 16-bit word.
    pairs = builder.bitcast(nibble, _vector(lanes // 2, _INT16))
    joined = builder.or_(
        builder.shl(pairs, _all(4, lanes // 2, _INT16)),
        builder.lshr(pairs, _all(8, lanes // 2, _INT16)),
    )
    return builder.trunc(joined, _vector(lanes // 2))


@operation
def trailing_zeros(builder: ir.IRBuilder, mask: ir.Value) -> ir.Value:
    """The number of the lowest bit that is set; 64 where none is."""
    return builder.cttz(mask, ir.Constant(ir.IntType(1), 0))


@operation
def load_byte(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The byte at `address`."""
    return builder.zext(_load(builder, address, _BYTE), _INT64)


@operation
def load_4_bytes(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The 4 bytes at `address`, the first lowest."""
    return builder.zext(_load(builder, address, _INT32), _INT64)


@operation
def load_8_bytes(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The 8 bytes at `address`, the first lowest."""
    return _load(builder, address, _INT64)


@operation
def get(builder: ir.IRBuilder, row: ir.Value, field: ir.Value) -> ir.Value:
    """The 8-byte field at offset `field` of the row at address `row`."""
    return _load(builder, builder.add(row, field), _INT64)


@operation
def put(builder: ir.IRBuilder, row: ir.Value, field: ir.Value, value: ir.Value) -> None:
    """Set the field at offset `field` of the row at address `row`."""
    _store(builder, value, builder.add(row, field))


@operation
def store_byte(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Write the low byte of `value` to `address`."""
    _store(builder, builder.trunc(value, _BYTE), address)


@operation
def store_4_bytes(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Write the low 4 bytes of `value` to `address`, the lowest first."""
    _store(builder, builder.trunc(value, _INT32), address)


@operation
def store_8_bytes(builder: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Write `value` to `address`, its lowest byte first."""
    _store(builder, value, address)


@operation
def store_32_zeros(builder: ir.IRBuilder, address: ir.Value) -> None:
    """Write 32 zero bytes to `address`."""
    _store(builder, _all(0, 32), address)


@operation
def copy_64(builder: ir.IRBuilder, source: ir.Value, target: ir.Value) -> None:
    """Copy 64 bytes."""
    _store(builder, _load(builder, source, _vector(64)), target)


@operation
def equal_32(builder: ir.IRBuilder, left: ir.Value, right: ir.Value) -> ir.Value:
    """Where the 32 bytes at `left` are those at `right`; the upper half of the mask is empty."""
    type_ = _vector(32)
    left, right = _load(builder, left, type_), _load(builder, right, type_)
    return _mask(builder, builder.icmp_unsigned("==", left, right))


@operation
def equal_64(builder: ir.IRBuilder, left: ir.Value, right: ir.Value) -> ir.Value:
    """Where the 64 bytes at `left` are those at `right`."""
    type_ = _vector(64)
    left, right = _load(builder, left, type_), _load(builder, right, type_)
    return _mask(builder, builder.icmp_unsigned("==", left, right))


@operation
def plain_mask(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Where the text is printable ASCII that a JSON string holds as it is: no quote, backslash."""
    text = _load(builder, address, _vector(LANES))
    quote = builder.icmp_unsigned("!=", text, _all(ord('"')))
    backslash = builder.icmp_unsigned("!=", text, _all(ord("\\")))
    printable = _in_range(builder, text, " ", "~")
    return _mask(builder, builder.and_(printable, builder.and_(quote, backslash)))


@operation
def hex_mask(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """Where the text is a hex digit of either case."""
    return _mask(builder, _hex_flags(builder, _load(builder, address, _vector(LANES))))


@operation
def short_hex_mask(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """hex_mask of 32 bytes; the upper half of the mask is empty."""
    return _mask(builder, _hex_flags(builder, _load(builder, address, _vector(32))))


@operation
def decode_64(builder: ir.IRBuilder, source: ir.Value, target: ir.Value) -> ir.Value:
    """Write 64 hex digits as 32 bytes to `target`; the mask of what were digits."""
    text = _load(builder, source, _vector(LANES))
    _store(builder, _hex_bytes(builder, text), target)
    return _mask(builder, _hex_flags(builder, text))


@operation
def hex_number(builder: ir.IRBuilder, address: ir.Value, digits: ir.Value) -> ir.Value:
    """The number that 1 to 16 hex digits at `address` are, as 64 bits without a sign."""
    whole = builder.bitcast(_hex_bytes(builder, _load(builder, address, _vector(16))), _INT64)
    surplus = builder.sub(ir.Constant(_INT64, 16), digits)
    return builder.lshr(builder.bswap(whole), builder.shl(surplus, ir.Constant(_INT64, 2)))
