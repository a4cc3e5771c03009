"""Which group of candidates a row's key leads to, or why to none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chain_assets.core.abi.kernel.memory import compiled, inlined, load, load_half
from chain_assets.core.abi.kernel.sources import Longs, Sources, is_null, place_of, size_of
from chain_assets.core.abi.kernel.tables import MOST_TOPICS, KeyTable

U64 = np.uint64
Words = npt.NDArray[np.uint64]

# What stands in the place of a group: a reason. OTHER_COUNT less the number of topics is the last.
MALFORMED, NO_TOPICS, CREATION, SHORT, UNKNOWN, OTHER_COUNT = range(-1, -7, -1)
LOG_REASONS = {
    MALFORMED: "topics are not 32 bytes each without a gap",
    NO_TOPICS: "no topics",
    UNKNOWN: "unknown topic0",
    **{OTHER_COUNT - n: f"topic0 known, but not with {n} topics" for n in range(1, 5)},
}
CALL_REASONS = {
    CREATION: "contract creation",
    SHORT: "input is shorter than a selector (4 bytes)",
    UNKNOWN: "unknown selector",
}

SELECTOR_BYTES = 4
_TOPIC_BYTES = 32
_NOTHING = -1
_ZERO = np.uint64(0)


def classify_logs(logs: Sources, keys: KeyTable) -> Longs:
    """The group of each log: `logs` are topic 0, the data, and topics 1 to 3."""
    groups = np.empty(logs.count, np.int64)
    _classify_logs(logs.columns, keys.slots, keys.words, keys.groups, groups)
    return groups


def classify_calls(calls: Sources, keys: KeyTable) -> Longs:
    """The group of each transaction: `calls` are inputs and receivers."""
    groups = np.empty(calls.count, np.int64)
    _classify_calls(calls.columns, keys.slots, keys.words, keys.groups, groups)
    return groups


@compiled
def _classify_logs(logs: Longs, slots: Longs, keys: Words, by_count: Longs, groups: Longs) -> None:
    for row in range(len(groups)):
        count, well_formed = 0, True
        for topic in range(MOST_TOPICS):
            column = topic + (topic > 0)
            if not is_null(logs, column, row):
                well_formed &= count == topic and size_of(logs, column, row) == _TOPIC_BYTES
                count += 1
        if not well_formed:
            groups[row] = MALFORMED
        elif count == 0:
            groups[row] = NO_TOPICS
        else:
            place = place_of(logs, 0, row)
            key = _find(
                slots, keys, load(place), load(place + 8), load(place + 16), load(place + 24)
            )
            group = UNKNOWN if key == _NOTHING else by_count[key, count]
            groups[row] = OTHER_COUNT - count if group == _NOTHING else group


@compiled
def _classify_calls(
    calls: Longs, slots: Longs, keys: Words, by_count: Longs, groups: Longs
) -> None:
    for row in range(len(groups)):
        if is_null(calls, 1, row):
            groups[row] = CREATION
        elif size_of(calls, 0, row) < SELECTOR_BYTES:
            groups[row] = SHORT
        else:
            selector = load_half(place_of(calls, 0, row))
            key = _find(slots, keys, selector, _ZERO, _ZERO, _ZERO)
            groups[row] = UNKNOWN if key == _NOTHING else by_count[key, 0]


@inlined
def _find(slots: Longs, keys: Words, a: U64, b: U64, c: U64, d: U64) -> int:
    """The position of the key whose 32 bytes are `a` to `d`, _NOTHING where there is none."""
    slot = np.int64(a & np.uint64(len(slots) - 1))
    while slots[slot] != _NOTHING:
        key = slots[slot]
        if keys[key, 0] == a and keys[key, 1] == b and keys[key, 2] == c and keys[key, 3] == d:
            return int(key)
        slot = (slot + 1) & (len(slots) - 1)
    return _NOTHING
