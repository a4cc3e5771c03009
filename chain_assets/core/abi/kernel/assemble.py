"""The rows of `decode_events` and `decode_calls` from what the kernels and the others decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from chain_assets.core.abi.kernel.batch import NOBODY, Batch, Written
from chain_assets.core.abi.kernel.sources import Longs
from chain_assets.core.abi.kernel.take_texts import take_texts, texts_from
from chain_assets.core.abi.kernel.text import ELSEWHERE, write_texts
from chain_assets.core.abi.outcomes import Decoded, Outcome

_STATUS = texts_from(pa.array(["undecoded", "decoded"]))


def text_table(
    batch: Batch, flat: Longs, outcomes: Iterable[Outcome | Written], *, most_text: int, name: str
) -> Any:
    """One row for each of the batch, in order; the candidate's name stands in the column `name`.

    `flat` and `most_text` are what `choose` gave; `outcomes` are of the rows that it left.
    """
    table = batch.table
    chosen = flat.copy()
    texts = [pa.array([], pa.string())]
    texts_at = np.full(len(chosen), ELSEWHERE)
    reasons = [pa.array(batch.reasons.values(), pa.string())]
    reasons_at = _common_reasons(batch)
    for outcome in outcomes:
        if isinstance(outcome, Written):
            chosen[outcome.rows] = table.positions[id(outcome.candidate)]
            _append(texts, texts_at, outcome.rows, outcome.texts)
        elif isinstance(outcome, Decoded):
            rows = outcome.rows[outcome.good]
            chosen[rows] = table.positions[id(outcome.candidate)]
            _append(texts, texts_at, rows, outcome.texts())
        else:
            _append(reasons, reasons_at, outcome.rows, outcome.reasons)
    args = write_texts(
        chosen,
        batch.sources,
        table,
        most_text=most_text,
        given=pa.concat_arrays(texts),
        at=texts_at,
    )
    decoded = chosen != NOBODY
    reasons_at[decoded] = ELSEWHERE
    return pa.table(
        {
            name: take_texts(table.names, chosen),
            "signature": take_texts(table.signatures, chosen),
            "args": args,
            "status": take_texts(_STATUS, decoded.astype(np.int64)),
            "reason": take_texts(texts_from(pa.concat_arrays(reasons)), reasons_at),
            "abi_source": take_texts(table.abi_sources, chosen),
        }
    )


def _common_reasons(batch: Batch) -> Longs:
    """For each row the position of its group's reason in `batch.reasons`, or ELSEWHERE."""
    by_code = np.full(1 - min(batch.reasons), ELSEWHERE)
    by_code[[-code for code in batch.reasons]] = np.arange(len(batch.reasons))
    return np.asarray(by_code[-np.minimum(batch.groups, 0)])


def _append(arrays: list[Any], at: Longs, rows: Longs, values: Any) -> None:
    at[rows] = sum(map(len, arrays)) + np.arange(len(rows))
    arrays.append(values)
