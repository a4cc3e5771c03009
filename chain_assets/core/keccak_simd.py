"""The Keccak-f[1600] permutation on eight states at once, as LLVM vector code (FIPS 202, 3.2).

Numba has no vector types, so the instructions are written out here through llvmlite: every value
is a `<8 x i64>`, one lane a state. LLVM fits that to the machine: one register with AVX-512, two
with AVX2, four on aarch64.

`permute` and `load_word` take addresses, because numba hands an array's memory to hand-written
code in no other way. They trust their callers: core/keccak_batch.py checks all bounds before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8

_I64 = ir.IntType(64)
_VECTOR = ir.VectorType(_I64, LANES)
_ROTATIONS = (  # offsets of the step rho, by x and then y
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)


def _round_constants() -> list[int]:
    """Constants of the step iota: bits of a linear shift register (FIPS 202, algorithm 5)."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << (2**j - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _permute(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emit_permutation(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _load_word(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], _I64.as_pointer()), align=1)

    return types.uint64(types.int64), generate


permute: Any = intrinsic(_permute)
"""`permute(address)`: permute the eight states there, laid out as _emit_permutation says."""

load_word: Any = intrinsic(_load_word)
"""`load_word(address)`: the eight bytes there, little-endian, aligned or not."""


def _emit_permutation(builder: Any, base: Any) -> None:
    """Code for all 24 rounds. In memory: 25 words (x + 5y), each with its eight lanes together."""
    pointers = [[_word_pointer(builder, base, x + 5 * y) for y in range(5)] for x in range(5)]
    state = [[builder.load(pointers[x][y], align=8) for y in range(5)] for x in range(5)]
    for constant in _round_constants():
        state = _emit_round(builder, state, constant)
    for x in range(5):
        for y in range(5):
            builder.store(state[x][y], pointers[x][y], align=8)


def _emit_round(builder: Any, state: list[list[Any]], constant: int) -> list[list[Any]]:
    xor = builder.xor
    columns = [  # theta
        xor(xor(xor(a[0], a[1]), xor(a[2], a[3])), a[4]) for a in state
    ]
    mixes = [xor(columns[(x - 1) % 5], _rotate(builder, columns[(x + 1) % 5], 1)) for x in range(5)]
    moved: list[list[Any]] = [[None] * 5 for _ in range(5)]
    for x in range(5):  # rho and pi
        for y in range(5):
            mixed = xor(state[x][y], mixes[x])
            moved[y][(2 * x + 3 * y) % 5] = _rotate(builder, mixed, _ROTATIONS[x][y])
    out = [  # chi
        [
            xor(
                moved[x][y],
                builder.and_(builder.not_(moved[(x + 1) % 5][y]), moved[(x + 2) % 5][y]),
            )
            for y in range(5)
        ]
        for x in range(5)
    ]
    out[0][0] = xor(out[0][0], _splat(constant))  # iota
    return out


def _rotate(builder: Any, value: Any, bits: int) -> Any:
    if bits == 0:
        return value  # a shift by 64 would be undefined
    return builder.or_(builder.shl(value, _splat(bits)), builder.lshr(value, _splat(64 - bits)))


def _splat(value: int) -> Any:
    return ir.Constant(_VECTOR, [ir.Constant(_I64, value)] * LANES)


def _word_pointer(builder: Any, base: Any, word: int) -> Any:
    address = builder.add(base, ir.Constant(_I64, word * 8 * LANES))
    return builder.inttoptr(address, _VECTOR.as_pointer())
