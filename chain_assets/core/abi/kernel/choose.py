"""Which flat candidate decodes a row: the first whose rules the row's words follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from chain_assets.core.abi.kernel.layouts import BODY
from chain_assets.core.abi.kernel.memory import compiled, load
from chain_assets.core.abi.kernel.sources import Longs, Sources
from chain_assets.core.abi.kernel.tables import CandidateTable

NOBODY = -1

_ZERO, _ONE = np.uint64(0), np.uint64(1)


def choose(groups: Longs, sources: Sources, table: CandidateTable) -> tuple[Longs, int]:
    """For each row the position of its candidate, or NOBODY; and how long their texts may get.

    `groups` has a row's group, negative where it has none. A row's words must be there but for
    those of its body, whose size is checked here.
    """
    chosen = np.empty(sources.count, np.int64)
    most_text = _choose(
        groups,
        sources.places,
        sources.sizes[BODY],
        table.firsts,
        table.flat_stops,
        table.layouts.layouts,
        table.layouts.steps,
        chosen,
    )
    return chosen, int(most_text)


@compiled
def _choose(
    groups: Longs,
    places: Longs,
    body_sizes: Longs,
    firsts: Longs,
    flat_stops: Longs,
    layouts: Any,
    steps: Any,
    chosen: Longs,
) -> int:
    most_text = 0
    for row in range(len(groups)):
        chosen[row] = NOBODY
        group = groups[row]
        if group < 0:
            continue
        for candidate in range(firsts[group], flat_stops[group]):
            layout = layouts[candidate]
            if body_sizes[row] >= layout.body_bytes and _is_clean(
                places, row, steps, layout.first, layout.stop
            ):
                chosen[row] = candidate
                most_text += layout.most_text
                break
    return most_text


@compiled
def _is_clean(places: Longs, row: int, steps: Any, first: int, stop: int) -> bool:
    """Whether all padding is zero, or copies of the sign (see abi/word_rules.py)."""
    dirty = _ZERO
    for index in range(first, stop):
        step = steps[index]
        place = places[step.source, row] + step.offset
        sign = _ZERO
        if step.signed:
            # A negative number's sign bit, in the lowest byte of its value, becomes all ones.
            sign = _ZERO - ((load(place + 32 - step.size) >> np.uint64(7)) & _ONE)
        dirty |= (load(place) ^ sign) & step.padding0
        dirty |= (load(place + 8) ^ sign) & step.padding1
        dirty |= (load(place + 16) ^ sign) & step.padding2
        dirty |= (load(place + 24) ^ sign) & step.padding3
    return dirty == _ZERO
