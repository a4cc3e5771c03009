"""The rows of `decode_events` and `decode_calls`: decoded by some candidate, or undecoded and why.

Rows are handled in groups that share a key. Each candidate of a group gets the rows that those
before it could not decode; what no candidate decodes keeps the reason of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import Column
from chain_assets.core.abi.fates import Positions, RowFates
from chain_assets.core.abi.rendering import render_arguments
from chain_assets.core.abi.signatures import Event, Function

Candidate = Event | Function
C = TypeVar("C", Event, Function)


@dataclass
class Outcomes:
    """What became of the rows of one batch. Every row must be given an outcome exactly once."""

    _rows: list[Positions] = field(default_factory=list)
    _candidates: list[Candidate | None] = field(default_factory=list)
    _args: list[Any] = field(default_factory=list)
    _reasons: list[Any] = field(default_factory=list)

    def decoded(self, rows: Positions, candidate: Candidate, args: Any) -> None:
        """`args`: an Arrow string array with the JSON of each of `rows`."""
        self._add(rows, candidate, args, pa.nulls(len(rows), pa.string()))

    def undecoded(self, rows: Positions, reason: Any) -> None:
        """`reason`: a text for all of `rows`, or an Arrow string array with one for each."""
        if isinstance(reason, str):
            reason = pa.repeat(pa.scalar(reason), len(rows))
        self._add(rows, None, pa.nulls(len(rows), pa.string()), reason)

    def _add(self, rows: Positions, candidate: Candidate | None, args: Any, reason: Any) -> None:
        if len(rows):
            self._rows.append(rows)
            self._candidates.append(candidate)
            self._args.append(args)
            self._reasons.append(reason)

    def table(self, *, name: str) -> Any:
        """One row each, in order; the candidate's name stands in the column `name`."""
        rows = np.concatenate([np.zeros(0, np.int64), *self._rows])
        order = pa.array(np.argsort(rows, kind="stable"))
        sizes = [len(one) for one in self._rows]
        found = self._candidates
        groups = pa.array(np.repeat(np.arange(len(found)), sizes)).take(order)

        def by_group(texts: Sequence[str | None]) -> Any:
            return pa.array(texts, pa.string()).take(groups)

        def by_row(arrays: Sequence[Any]) -> Any:
            return pa.concat_arrays([pa.array([], pa.string()), *arrays]).take(order)

        return pa.table(
            {
                name: by_group([one.name if one else None for one in found]),
                "signature": by_group([one.signature if one else None for one in found]),
                "args": by_row(self._args),
                "status": by_group(["decoded" if one else "undecoded" for one in found]),
                "reason": by_row(self._reasons),
                "abi_source": by_group([one.abi_source if one else None for one in found]),
            }
        )


def try_candidates(
    candidates: Sequence[C],
    rows: Positions,
    decode: Callable[[C, Positions], tuple[list[Column], RowFates]],
    outcomes: Outcomes,
) -> None:
    """Give each of `rows` to the first candidate that decodes it."""
    reasons: Any = None
    for candidate in candidates:
        columns, fates = decode(candidate, rows)
        good = fates.all_good()
        if good.any():
            names = [one.name for one in candidate.parameters]
            args = render_arguments(names, columns, count=len(rows))
            outcomes.decoded(rows[good], candidate, args.filter(pa.array(good)))
        bad = pa.array(~good)
        prefix = pa.scalar(f"{candidate.signature}: ")
        why = pc.binary_join_element_wise(prefix, fates.reasons().filter(bad), "")
        earlier = [] if reasons is None else [reasons.filter(bad)]
        reasons = pc.binary_join_element_wise(*earlier, why, "; ") if earlier else why
        rows = rows[~good]
        if not len(rows):
            return
    outcomes.undecoded(rows, reasons)


def group_rows(
    keys: Any, rows: Positions, *, split_by: Positions | None = None
) -> Iterator[tuple[bytes, int, Positions]]:
    """The rows of each distinct (key, `split_by`), in ascending order within a group.

    `keys` is an Arrow binary array without nulls, one for each of `rows`; `split_by` a small
    number for each, 0 where it is None.
    """
    encoded = keys.dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int64)
    minor = np.zeros(len(rows), np.int64) if split_by is None else split_by
    width = int(minor.max(initial=0)) + 1
    combined = codes * width + minor
    order = np.argsort(combined, kind="stable")
    edges = np.flatnonzero(np.diff(combined[order])) + 1
    for members in np.split(order, edges) if len(order) else []:
        first = members[0]
        yield encoded.dictionary[int(codes[first])].as_py(), int(minor[first]), rows[members]
