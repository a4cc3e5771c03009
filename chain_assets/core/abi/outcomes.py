"""What becomes of the rows of one batch: decoded by some candidate, or undecoded and why.

Rows are handled in groups that share a key. Each candidate of a group gets the rows that those
before it could not decode; what no candidate decodes keeps the reason of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import Column
from chain_assets.core.abi.fates import Mask, Positions, RowFates
from chain_assets.core.abi.rendering import render_arguments
from chain_assets.core.abi.signatures import Event, Function

Candidate = Event | Function
C = TypeVar("C", Event, Function)


@dataclass(frozen=True)
class Decoded:
    """`columns` are the arguments of `rows`, of which only the `good` ones are this candidate's."""

    candidate: Candidate
    rows: Positions
    columns: Sequence[Column]
    good: Mask

    def texts(self) -> Any:
        """The arguments of the good rows as an Arrow string array of JSON objects."""
        names = [one.name for one in self.candidate.parameters]
        texts = render_arguments(names, self.columns, count=len(self.rows))
        return texts if self.good.all() else texts.filter(pa.array(self.good))


@dataclass(frozen=True)
class Undecoded:
    """`reasons`: an Arrow string array with one for each of `rows`."""

    rows: Positions
    reasons: Any


def undecoded(rows: Positions, reason: str) -> Undecoded:
    """The same reason for all of `rows`."""
    return Undecoded(rows, pa.repeat(pa.scalar(reason), len(rows)))


Outcome = Decoded | Undecoded


def outcome_table(outcomes: Iterable[Outcome], *, name: str) -> Any:
    """The rows of `decode_events` and `decode_calls`, in order.

    Every row must have one outcome. The candidate's name stands in the column `name`.
    """
    rows: list[Positions] = []
    found: list[Candidate | None] = []
    args: list[Any] = []
    reasons: list[Any] = []
    for outcome in outcomes:
        if isinstance(outcome, Decoded):
            rows.append(outcome.rows[outcome.good])
            found.append(outcome.candidate)
            args.append(outcome.texts())
            reasons.append(pa.nulls(len(rows[-1]), pa.string()))
        else:
            rows.append(outcome.rows)
            found.append(None)
            args.append(pa.nulls(len(outcome.rows), pa.string()))
            reasons.append(outcome.reasons)
    order = pa.array(np.argsort(np.concatenate([np.zeros(0, np.int64), *rows]), kind="stable"))
    groups = pa.array(np.repeat(np.arange(len(found)), [len(one) for one in rows])).take(order)

    def by_group(texts: Sequence[str | None]) -> Any:
        return pa.array(texts, pa.string()).take(groups)

    def by_row(arrays: Sequence[Any]) -> Any:
        return pa.concat_arrays([pa.array([], pa.string()), *arrays]).take(order)

    return pa.table(
        {
            name: by_group([one.name if one else None for one in found]),
            "signature": by_group([one.signature if one else None for one in found]),
            "args": by_row(args),
            "status": by_group(["decoded" if one else "undecoded" for one in found]),
            "reason": by_row(reasons),
            "abi_source": by_group([one.abi_source if one else None for one in found]),
        }
    )


def try_candidates(
    candidates: Sequence[C],
    rows: Positions,
    decode: Callable[[C, Positions], tuple[list[Column], RowFates]],
) -> Iterator[Outcome]:
    """Give each of `rows` to the first candidate that decodes it."""
    reasons: Any = None
    for candidate in candidates:
        columns, fates = decode(candidate, rows)
        good = fates.all_good()
        if good.any():
            yield Decoded(candidate, rows, columns, good)
        bad = pa.array(~good)
        prefix = pa.scalar(f"{candidate.signature}: ")
        why = pc.binary_join_element_wise(prefix, fates.reasons().filter(bad), "")
        earlier = [] if reasons is None else [reasons.filter(bad)]
        reasons = pc.binary_join_element_wise(*earlier, why, "; ") if earlier else why
        rows = rows[~good]
        if not len(rows):
            return
    yield Undecoded(rows, reasons)


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
    for members in split_by_code(combined):
        first = members[0]
        yield encoded.dictionary[int(codes[first])].as_py(), int(minor[first]), rows[members]


def split_by_code(codes: Positions) -> Iterator[Positions]:
    """The positions of each distinct code, codes and positions ascending."""
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    yield from np.split(order, edges) if len(order) else []
