"""Which flat candidate decodes a row: the first whose rules the row's words follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from chain_assets.core.abi.kernel.batch import NOBODY, Batch
from chain_assets.core.abi.kernel.layouts import BODY, UNSIGNED
from chain_assets.core.abi.kernel.memory import compiled, inlined, load, load_byte
from chain_assets.core.abi.kernel.sources import Longs, place_of, size_of

_ZERO = np.uint64(0)


def choose(batch: Batch) -> tuple[Longs, int]:
    """For each row the position of its candidate, or NOBODY; and how long their texts may get."""
    table = batch.table
    chosen = np.empty(batch.sources.count, np.int64)
    most_text = _choose(
        batch.groups,
        batch.sources.columns,
        table.firsts,
        table.flat_stops,
        table.layouts.layouts,
        table.layouts.checks,
        chosen,
    )
    return chosen, int(most_text)


@compiled
def _choose(
    groups: Longs,
    columns: Longs,
    firsts: Longs,
    flat_stops: Longs,
    layouts: Any,
    checks: Any,
    chosen: Longs,
) -> int:
    most_text = 0
    for row in range(len(groups)):
        chosen[row] = NOBODY
        group = groups[row]
        if group >= 0:
            candidate = find_candidate(
                columns, row, firsts[group], flat_stops[group], layouts, checks
            )
            chosen[row] = candidate
            if candidate != NOBODY:
                most_text += layouts[candidate].most_text
    return most_text


@inlined
def find_candidate(
    columns: Longs, row: int, first: int, stop: int, layouts: Any, checks: Any
) -> int:
    """The first of the candidates `first` to `stop` whose rules the row follows, or NOBODY."""
    for candidate in range(first, stop):
        layout = layouts[candidate]
        if size_of(columns, BODY, row) >= layout.body_bytes and _is_clean(
            columns, row, checks, layout.first_check, layout.stop_check
        ):
            return candidate
    return NOBODY


@inlined
def _is_clean(columns: Longs, row: int, checks: Any, first: int, stop: int) -> bool:
    """Whether all padding is zero, or copies of the sign (see abi/word_rules.py)."""
    dirty = _ZERO
    for index in range(first, stop):
        check = checks[index]
        place = place_of(columns, check.source, row)
        sign = _ZERO
        if check.sign != UNSIGNED:
            # The highest bit becomes all bits.
            sign = _ZERO - (load_byte(place + check.sign) >> np.uint64(7))
        dirty |= (load(place + check.offset) ^ sign) & check.padding
    return bool(dirty == _ZERO)
