"""One copy instruction for the kernels: numba compiles a slice assignment to a loop over bytes."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from chain_assets.core.keccak_batch import Bytes


def _memcpy_intrinsic(typing_context: Any, target: Any, source: Any, length: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.get_value_type(types.voidptr)
        target, source = (builder.inttoptr(each, pointer) for each in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


_memcpy: Any = intrinsic(_memcpy_intrinsic)


@njit(nogil=True, cache=True, boundscheck=False)
def copy_bytes(out: Bytes, place: int, data: Bytes, start: int, length: int) -> int:
    """Copy `length` bytes from `data[start]` on to `out[place]`; returns the place after them.

    The arrays must not overlap, and nothing is checked: callers have measured before.
    """
    _memcpy(out.ctypes.data + place, data.ctypes.data + start, length)
    return place + length
