"""Rows as the kernels take them, and what becomes of those that the kernels leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.calls import decode_call
from chain_assets.core.abi.columns import Column, batches, binary_column
from chain_assets.core.abi.fates import RowFates
from chain_assets.core.abi.kernel.classify import (
    CALL_REASONS,
    LOG_REASONS,
    SELECTOR_BYTES,
    classify_calls,
    classify_logs,
)
from chain_assets.core.abi.kernel.dynamic import check_rows, copy_columns
from chain_assets.core.abi.kernel.sources import Longs, Sources, read_sources
from chain_assets.core.abi.kernel.tables import CandidateTable, event_table, function_table
from chain_assets.core.abi.kernel.tree_text import write_rows
from chain_assets.core.abi.logs import TOPIC_COLUMNS, log_columns
from chain_assets.core.abi.outcomes import (
    Candidate,
    Decoded,
    Outcome,
    split_by_code,
    try_candidates,
)
from chain_assets.core.abi.registry import Registry

# Bytes of arguments at once: enough rows for each group to be worth a call, and few enough for
# the text of hostile ones (sixteen times the bytes, each escaped) to fit into one Arrow array.
KERNEL_BATCH_BYTES = 16 << 20

# What stands in the place of a candidate.
NOBODY = -1

# Half of what the offsets of one Arrow string array can reach.
MOST_TEXT = 1 << 30

Decode = Callable[[Any, Longs], tuple[list[Column], RowFates]]


@dataclass(frozen=True)
class Plain:
    """All rows of a batch for the plain route, whose bytes are in the column `sized_by`.

    `decoder` makes a decoder of some of them.
    """

    rows: Any
    sized_by: str
    decoder: Callable[[Any], Decode]


@dataclass(frozen=True)
class Written:
    """Decoded rows whose arguments are an Arrow string array of JSON objects already."""

    candidate: Candidate
    rows: Longs
    texts: Any


@dataclass(frozen=True)
class Batch:
    """`groups[i]` is the group of row i in `table`, or a negative key of `reasons`.

    A row with a group has all words of its topics; how long its body is has not been looked at.
    """

    sources: Sources
    table: CandidateTable
    groups: Longs
    reasons: dict[int, str]
    plain: Plain

    def outcomes(self, chosen: Longs) -> Iterator[Outcome]:
        """What becomes of the rows that have candidates, and NOBODY in `chosen`."""
        for one in self._others(chosen, as_text=False):
            assert not isinstance(one, Written)
            yield one

    def texts(self, chosen: Longs) -> Iterator[Outcome | Written]:
        """The same for who wants no columns but texts: most come written."""
        return self._others(chosen, as_text=True)

    def _others(self, chosen: Longs, *, as_text: bool) -> Iterator[Outcome | Written]:
        left = []
        for own in self._by_group(chosen):
            decoded, refused = self._walk(own, as_text=as_text)
            if decoded is not None:
                yield decoded
            left.append(refused)
        rows = np.sort(np.concatenate([np.zeros(0, np.int64), *left]))
        if len(rows):
            yield from self._try_all(rows)

    def walked(self, chosen: Longs) -> Iterator[Decoded]:
        """Those of them that the kernels alone decode: all that are good, if no type has text.

        For who asks for no reason: those of the others take as long as a thousand good rows.
        """
        for own in self._by_group(chosen):
            decoded, _ = self._walk(own, as_text=False)
            if isinstance(decoded, Decoded):
                yield decoded

    def _by_group(self, chosen: Longs) -> Iterator[Longs]:
        rows = np.flatnonzero((self.groups >= 0) & (chosen == NOBODY))
        return (rows[members] for members in split_by_code(self.groups[rows]))

    def _walk(self, rows: Longs, *, as_text: bool) -> tuple[Decoded | Written | None, Longs]:
        """Those of a group's rows that its first candidate of dynamic types decodes; and the rest.

        Those before it are flat, and have refused these rows for good.
        """
        group = self.groups[rows[0]]
        position = int(self.table.flat_stops[group])
        if position == self.table.stops[group]:
            return None, rows
        candidate, program = self.table.candidates[position], self.table.program(position)
        good, totals = check_rows(program, self.sources, rows)
        kept, refused = rows[good], rows[~good]
        if not len(kept):
            return None, refused
        phrases = self.table.phrases(position) if as_text else None
        if phrases is not None:
            most_text = phrases.most_text(program, totals, len(kept))
            if most_text <= MOST_TEXT:
                texts = write_rows(program, phrases, self.sources, kept, most_text=most_text)
                return Written(candidate, kept, texts), refused
        columns = copy_columns(program, self.sources, kept, totals)
        return Decoded(candidate, kept, columns, np.ones(len(kept), np.bool_)), refused

    def _try_all(self, rows: Longs) -> Iterator[Outcome]:
        """What the plain route makes of `rows`, which gives each bad one its reason."""
        taken = self.plain.rows.take(pa.array(rows))
        for part in batches(taken, sized_by=self.plain.sized_by):
            own, rows = rows[: part.num_rows], rows[part.num_rows :]
            groups, decode = self.groups[own], self.plain.decoder(part)
            for members in split_by_code(groups):
                candidates = self.table.candidates_of(groups[members[0]])
                for outcome in try_candidates(candidates, members, decode):
                    yield replace(outcome, rows=own[outcome.rows])


def read_logs(logs: Any, registry: Registry) -> Batch:
    """`logs` as in `decode_events`."""

    def decoder(some: Any) -> Decode:
        return log_columns(some).decode

    table = event_table(registry)
    names = ("topic0", "data", *TOPIC_COLUMNS[1:])
    sources = read_sources([logs[name] for name in names])
    groups = classify_logs(sources, table.keys)
    # What is left is numbered as the layouts have it: the body, and topics by their number.
    arguments = sources.without_first()
    plain = Plain(pa.table(sources.arrays, names=names), "data", decoder)
    return Batch(arguments, table, groups, LOG_REASONS, plain)


def read_calls(transactions: Any, registry: Registry) -> Batch:
    """`transactions` as in `decode_calls`."""

    def decoder(some: Any) -> Decode:
        return partial(decode_call, binary_column(some["input"]))

    table = function_table(registry)
    sources = read_sources([transactions[name] for name in ("input", "to_address")])
    groups = classify_calls(sources, table.keys)
    arguments = sources.shortened(SELECTOR_BYTES)
    plain = Plain(pa.table(sources.arrays[:1], names=["input"]), "input", decoder)
    return Batch(arguments, table, groups, CALL_REASONS, plain)
