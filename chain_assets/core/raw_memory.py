"""Loads and copies by address, as single machine instructions, for the compiled kernels.

numba compiles a slice assignment to a loop over bytes, and reads of several bytes at once not at
all. Nothing is checked here: callers know that what they name lies within their arrays, and keep
those alive.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _load_word(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], _I64.as_pointer()), align=1)

    return types.uint64(types.int64), generate


def _load_long(typing_context: Any, address: Any) -> Any:
    return types.int64(types.int64), _load_word(typing_context, address)[1]


def _store_long(typing_context: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, value = arguments
        builder.store(value, builder.inttoptr(address, _I64.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _load_byte(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = builder.load(builder.inttoptr(arguments[0], _I8.as_pointer()))
        return builder.zext(byte, _I64)

    return types.uint64(types.int64), generate


def _copy(typing_context: Any, target: Any, source: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.get_value_type(types.voidptr)
        target, source = (builder.inttoptr(each, pointer) for each in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _prefetch(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
        name = "llvm.prefetch.p0"
        declared = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(declared, [pointer, _I32(0), _I32(3), _I32(1)])  # to read, keep, as data
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _store_byte(typing_context: Any, address: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, value = arguments
        byte = builder.trunc(value, _I8)
        builder.store(byte, builder.inttoptr(address, _I8.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


load_word: Any = intrinsic(_load_word)
"""`load_word(address)`: the eight bytes there, little-endian, aligned or not, as uint64."""

load_long: Any = intrinsic(_load_long)
"""`load_long(address)`: the same as int64."""

store_long: Any = intrinsic(_store_long)
"""`store_long(address, value)`: the counterpart of load_long."""

load_byte: Any = intrinsic(_load_byte)
"""`load_byte(address)`: the byte there, as uint64."""

store_byte: Any = intrinsic(_store_byte)
"""`store_byte(address, value)`: the lowest eight bits of `value` go there."""

copy: Any = intrinsic(_copy)
"""`copy(target, source, length)`: `length` bytes from one address to another; no overlap."""

prefetch: Any = intrinsic(_prefetch)
"""`prefetch(address)`: have the cache line there brought nearer, and do not wait for it."""
