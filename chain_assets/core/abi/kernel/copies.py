"""How the words of flat candidates become values of Arrow's arrays, as arrays for a kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chain_assets.core.abi.argument_tables import stored
from chain_assets.core.abi.kernel.layouts import Layouts, Leaf

# How the kept bytes of a word are copied: all at once, over what the next value will write; a
# number turned to the machine's order; an address by three loads of eight bytes; a single byte.
WHOLE, NUMBER, ADDRESS, BYTE = range(4)

COPY = np.dtype(
    [
        ("source", np.int64),
        ("offset", np.int64),
        ("width", np.int64),
        ("how", np.int64),
        ("target", np.int64),  # the address for the first row's value
    ]
)


def make_copies(layouts: Layouts) -> npt.NDArray[np.void]:
    """One for each step of `layouts`, without a target."""
    rows = [_copy(leaf) for leaves in layouts.leaves for leaf in leaves or ()]
    return np.array(rows, COPY)


def _copy(leaf: Leaf) -> tuple[int, ...]:
    place = stored(leaf.type)
    return leaf.source, leaf.offset + place.first, place.width, _how(leaf), 0


def _how(leaf: Leaf) -> int:
    if stored(leaf.type).is_number:
        return NUMBER
    return {"address": ADDRESS, "bool": BYTE}.get(leaf.type.kind, WHOLE)
