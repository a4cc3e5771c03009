"""Rows as the kernels take them, and what becomes of those that the kernels leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.columns import Column, batches
from chain_assets.core.abi.fates import RowFates
from chain_assets.core.abi.kernel.classify import (
    CALL_REASONS,
    LOG_REASONS,
    SELECTOR_BYTES,
    classify_calls,
    classify_logs,
)
from chain_assets.core.abi.kernel.dynamic import decode_rows
from chain_assets.core.abi.kernel.sources import Longs, Sources, read_sources
from chain_assets.core.abi.kernel.tables import CandidateTable, event_table, function_table
from chain_assets.core.abi.logs import TOPIC_COLUMNS
from chain_assets.core.abi.outcomes import Decoded, Outcome, split_by_code, try_candidates
from chain_assets.core.abi.registry import Registry

# Bytes of arguments at once: enough rows for each group to be worth a call, and few enough for
# the text of hostile ones (sixteen times the bytes, each escaped) to fit into one Arrow array.
KERNEL_BATCH_BYTES = 16 << 20

# What stands in the place of a candidate.
NOBODY = -1

Decode = Callable[[Any, Longs], tuple[list[Column], RowFates]]


@dataclass(frozen=True)
class Batch:
    """`groups[i]` is the group of row i in `table`, or a negative key of `reasons`.

    A row with a group has all words of its topics; how long its body is has not been looked at.
    """

    sources: Sources
    table: CandidateTable
    groups: Longs
    reasons: dict[int, str]

    def others(
        self, chosen: Longs, table: Any, decoder: Callable[[Any], Decode], *, sized_by: str
    ) -> Iterator[Outcome]:
        """What becomes of the rows that have candidates, and NOBODY in `chosen`.

        `table` has all rows of the batch, with their bytes in the column `sized_by`; `decoder`
        makes a decoder of some of them.
        """
        left = []
        rows = np.flatnonzero((self.groups >= 0) & (chosen == NOBODY))
        for own in self._by_group(rows):
            decoded, refused = self._walk(own)
            if decoded is not None:
                yield decoded
            left.append(refused)
        rows = np.sort(np.concatenate([np.zeros(0, np.int64), *left]))
        if len(rows):
            yield from self._try_all(rows, table, decoder, sized_by=sized_by)

    def _by_group(self, rows: Longs) -> Iterator[Longs]:
        return (rows[members] for members in split_by_code(self.groups[rows]))

    def _walk(self, rows: Longs) -> tuple[Decoded | None, Longs]:
        """Those of a group's rows that its first candidate of dynamic types decodes; and the rest.

        Those before it are flat, and have refused these rows for good.
        """
        group = self.groups[rows[0]]
        position = int(self.table.flat_stops[group])
        if position == self.table.stops[group]:
            return None, rows
        columns, good = decode_rows(self.table.program(position), self.sources, rows)
        if not good.any():
            return None, rows
        candidate, kept = self.table.candidates[position], rows[good]
        return Decoded(candidate, kept, columns, np.ones(len(kept), np.bool_)), rows[~good]

    def _try_all(
        self, rows: Longs, table: Any, decoder: Callable[[Any], Decode], *, sized_by: str
    ) -> Iterator[Outcome]:
        """What the plain route makes of `rows`, which gives each bad one its reason."""
        for part in batches(table.take(pa.array(rows)), sized_by=sized_by):
            own, rows = rows[: part.num_rows], rows[part.num_rows :]
            groups, decode = self.groups[own], decoder(part)
            for members in split_by_code(groups):
                candidates = self.table.candidates_of(groups[members[0]])
                for outcome in try_candidates(candidates, members, decode):
                    yield replace(outcome, rows=own[outcome.rows])


def read_logs(logs: Any, registry: Registry) -> Batch:
    """`logs` as in `decode_events`."""
    table = event_table(registry)
    sources = read_sources([logs[name] for name in ("topic0", "data", *TOPIC_COLUMNS[1:])])
    groups = classify_logs(sources, table.keys)
    # What is left is numbered as the layouts have it: the body, and topics by their number.
    arguments = sources.without_first()
    return Batch(arguments, table, groups, LOG_REASONS)


def read_calls(transactions: Any, registry: Registry) -> Batch:
    """`transactions` as in `decode_calls`."""
    table = function_table(registry)
    groups = classify_calls(
        read_sources([transactions[name] for name in ("input", "to_address")]), table.keys
    )
    arguments = read_sources([transactions["input"]], leave_out=SELECTOR_BYTES)
    return Batch(arguments, table, groups, CALL_REASONS)
