"""Rows as the kernels take them: their groups, and the candidate that each follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chain_assets.core.abi.columns import BATCH_BYTES, row_runs
from chain_assets.core.abi.kernel.choose import NOBODY, choose
from chain_assets.core.abi.kernel.classify import (
    CALL_REASONS,
    LOG_REASONS,
    SELECTOR_BYTES,
    classify_calls,
    classify_logs,
)
from chain_assets.core.abi.kernel.sources import Longs, Sources, read_sources
from chain_assets.core.abi.kernel.tables import CandidateTable, event_table, function_table
from chain_assets.core.abi.logs import TOPIC_COLUMNS
from chain_assets.core.abi.outcomes import Candidate, Outcome, split_by_code, try_candidates
from chain_assets.core.abi.registry import Registry

# Bytes of arguments at once: enough rows for each group to be worth a call, and few enough for
# the text of hostile ones (sixteen times the bytes, each escaped) to fit into one Arrow array.
KERNEL_BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Batch:
    """Rows after the kernels have seen them.

    `groups[i]` is the group of row i in `table`, or a negative key of `reasons`; `chosen[i]` its
    candidate, or NOBODY. Texts of the chosen take at most `most_text` bytes.
    """

    sources: Sources
    table: CandidateTable
    groups: Longs
    reasons: dict[int, str]
    chosen: Longs
    most_text: int

    def others(self, decode: Callable[[Any, Longs], Any]) -> Iterator[Outcome]:
        """What becomes of the rows that have candidates, of which none is flat and fits."""
        rows = np.flatnonzero((self.groups >= 0) & (self.chosen == NOBODY))
        if not len(rows):
            return
        for start, stop in row_runs(self.sources.sizes[0, rows], limit=BATCH_BYTES):
            run = rows[start:stop]
            for members in split_by_code(self.groups[run]):
                group = self.groups[run[members[0]]]
                candidates: Sequence[Any] = self.table.candidates[
                    self.table.firsts[group] : self.table.stops[group]
                ]
                yield from try_candidates(candidates, run[members], decode)


def read_logs(logs: Any, registry: Registry) -> Batch:
    """`logs` as in `decode_events`."""
    table = event_table(registry)
    sources = read_sources([logs[name] for name in ("data", *TOPIC_COLUMNS)])
    groups = classify_logs(sources.only(slice(1, 5)), table.keys)
    # A topic's number is the number of its source, as topic 0 is no argument.
    arguments = sources.only([0, 2, 3, 4])
    chosen, most_text = choose(groups, arguments, table)
    return Batch(arguments, table, groups, LOG_REASONS, chosen, most_text)


def read_calls(transactions: Any, registry: Registry) -> Batch:
    """`transactions` as in `decode_calls`."""
    table = function_table(registry)
    inputs = read_sources([transactions["input"]])
    receivers = read_sources([transactions["to_address"]])
    groups = classify_calls(inputs, receivers, table.keys)
    arguments = replace(
        inputs, places=inputs.places + SELECTOR_BYTES, sizes=inputs.sizes - SELECTOR_BYTES
    )
    chosen, most_text = choose(groups, arguments, table)
    return Batch(arguments, table, groups, CALL_REASONS, chosen, most_text)
