"""The logs of receipts, written straight into their receipts: the compiled loops.

    log_payloads    how long is each log, and how long are its topics?
    write_logs      each receipt's logs into the hole that rlp_batch.py left for them

A log is [address, [topic, …], data]. To write topics, logs and receipts one after the other would
copy most bytes of a block twice more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from chain_assets.core.keccak_batch import Longs
from chain_assets.core.proofs.rlp_kernel import (
    FIELD,
    FieldTable,
    field_length,
    prefix_length,
    write_field,
    write_prefix,
)

# The fields of a log in its field table.
LOG_DATA: Final = 5  # behind the address and four topics
_ADDRESS: Final = 0 * FIELD
_FIRST_TOPIC: Final = 1 * FIELD
_DATA: Final = LOG_DATA * FIELD


@njit(nogil=True, cache=True, boundscheck=False)
def log_payloads(fields: FieldTable, count: int) -> tuple[Longs, Longs]:
    """The bytes of the lists of `count` logs, without their prefixes: whole, and topics alone."""
    logs, topics = np.empty(count, np.int64), np.empty(count, np.int64)
    table = fields.ctypes.data
    for row in range(count):
        length = 0
        for topic in range(table + _FIRST_TOPIC, table + _DATA, FIELD):
            length += field_length(topic, row)
        topics[row] = length
        length += prefix_length(length) + field_length(table + _ADDRESS, row)
        logs[row] = length + field_length(table + _DATA, row)
    return logs, topics


@njit(nogil=True, cache=True, boundscheck=False)
def logs_by_receipt(logs: Longs, log_starts: Longs) -> Longs:
    """The bytes of all logs of each receipt: logs `log_starts[i] : log_starts[i + 1]`."""
    totals = np.zeros(len(log_starts) - 1, np.int64)
    for receipt in range(len(totals)):
        for row in range(log_starts[receipt], log_starts[receipt + 1]):
            totals[receipt] += prefix_length(logs[row]) + logs[row]
    return totals


@njit(nogil=True, cache=True, boundscheck=False)
def write_logs(
    fields: FieldTable, logs: Longs, topics: Longs, log_starts: Longs, holes: Longs
) -> None:
    """Write the logs of each receipt side by side, from the address `holes[receipt]` on."""
    table = fields.ctypes.data
    for receipt in range(len(holes)):
        place = holes[receipt]
        for row in range(log_starts[receipt], log_starts[receipt + 1]):
            place = write_prefix(place, logs[row], 0xC0)
            place = write_field(table + _ADDRESS, row, place)
            place = write_prefix(place, topics[row], 0xC0)
            for topic in range(table + _FIRST_TOPIC, table + _DATA, FIELD):
                place = write_field(topic, row, place)
            place = write_field(table + _DATA, row, place)
