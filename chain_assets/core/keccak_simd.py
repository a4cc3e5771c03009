"""The Keccak-f[1600] permutation on eight states at once, as LLVM vector code (FIPS 202, 3.2).

Numba has no vector types, so the instructions are written out here through llvmlite: every value
is a `<8 x i64>`, one lane a state. LLVM fits that to the machine: one register with AVX-512, two
with AVX2, four on aarch64.

`absorb` and the loads take addresses, because numba hands an array's memory to hand-written
code in no other way. They trust their callers: core/keccak_batch.py checks all bounds before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
RATE_WORDS = 17  # words of a string that one permutation takes in

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


def _absorb(typing_context: Any, states: Any, blocks: Any, keep: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emit_absorption(builder, *arguments)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


absorb: Any = intrinsic(_absorb)
"""`absorb(states, blocks, keep)`: take the next block into each of eight sponges, and permute.

`states` are 25 rows (x + 5y) of one word for each lane, `blocks` the addresses of each lane's 136
bytes, and `keep` is one row: all bits set, or none for a lane that begins anew, from zero.
"""


def _emit_absorption(builder: Any, states: Any, blocks: Any, keep: Any) -> None:
    kept = _load_row(builder, keep, 0)
    words = [builder.and_(_load_row(builder, states, word), kept) for word in range(25)]
    for word, block in enumerate(_block_words(builder, blocks)):
        words[word] = builder.xor(words[word], block)
    state = [[words[x + 5 * y] for y in range(5)] for x in range(5)]
    for constant in _round_constants():
        state = _emit_round(builder, state, constant)
    for x in range(5):
        for y in range(5):
            builder.store(state[x][y], _row(builder, states, x + 5 * y), align=8)


def _block_words(builder: Any, blocks: Any) -> list[Any]:
    """The blocks word by word: of each word a row of all lanes.

    Loaded as rows of one lane, eight words at once, and turned in the registers. To gather single
    words from eight places, or to scatter them to a buffer of rows, costs several times as much.
    """
    lanes = [builder.load(_pointer(builder, blocks, 8 * lane, _I64)) for lane in range(LANES)]
    words: list[Any] = []
    for first in range(0, RATE_WORDS - 1, LANES):
        rows = [_load_row(builder, address, first // LANES) for address in lanes]
        words += _transposed(builder, rows)
    last = ir.Constant(_VECTOR, ir.Undefined)
    for lane, address in enumerate(lanes):
        word = builder.load(_pointer(builder, address, 8 * (RATE_WORDS - 1), _I64), align=1)
        last = builder.insert_element(last, word, ir.Constant(ir.IntType(32), lane))
    return [*words, last]


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Eight rows of eight as columns: halves of a square change places, then of its quarters, …"""
    for step in (4, 2, 1):
        for row in range(LANES):
            if row & step:
                continue
            low, high = rows[row], rows[row + step]
            first = [lane + LANES - step if lane & step else lane for lane in range(LANES)]
            second = [lane + LANES if lane & step else lane + step for lane in range(LANES)]
            rows[row] = _mix(builder, low, high, first)
            rows[row + step] = _mix(builder, low, high, second)
    return rows


def _emit_round(builder: Any, state: list[list[Any]], constant: int) -> list[list[Any]]:
    xor = builder.xor
    columns = [  # theta
        xor(xor(xor(a[0], a[1]), xor(a[2], a[3])), a[4]) for a in state
    ]
    turned = [_rotate(builder, column, 1) for column in columns]
    moved: list[list[Any]] = [[None] * 5 for _ in range(5)]
    for x in range(5):  # rho and pi
        for y in range(5):
            # In this order, for AVX-512 has one instruction for two xors.
            mixed = xor(xor(state[x][y], columns[(x - 1) % 5]), turned[(x + 1) % 5])
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


def _mix(builder: Any, low: Any, high: Any, places: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), places)
    return builder.shuffle_vector(low, high, mask)


def _load_row(builder: Any, base: Any, row: int) -> Any:
    return builder.load(_row(builder, base, row), align=1)


def _row(builder: Any, base: Any, row: int) -> Any:
    return _pointer(builder, base, row * 8 * LANES, _VECTOR)


def _pointer(builder: Any, base: Any, offset: int, kind: Any) -> Any:
    address = builder.add(base, ir.Constant(_I64, offset))
    return builder.inttoptr(address, kind.as_pointer())
