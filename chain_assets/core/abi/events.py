"""Logs to decoded events: one row for each log, whatever is in it.

topics → (topic 0, number of topics) → the registry's candidates → columns → JSON
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.argument_tables import ArgumentTable, argument_tables, merge_tables
from chain_assets.core.abi.columns import batches
from chain_assets.core.abi.logs import log_columns
from chain_assets.core.abi.outcomes import (
    Outcome,
    group_rows,
    outcome_table,
    try_candidates,
    undecoded,
)
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.routes import Route, default_route


def decode_events(logs: Any, registry: Registry, *, route: Route | None = None) -> Any:
    """One row for each of `logs`, in order, as an Arrow table.

    `logs` has the binary columns `topic0` to `topic3`, null where a log has fewer topics, and
    `data`. The result has the string columns `event`, `signature`, `args` (a JSON object, see
    `abi/rendering.py`), `status` ("decoded" or "undecoded"), `reason` (null if decoded) and
    `abi_source`. No log raises: what does not fit is undecoded, and its reason says why.
    Both routes give the same rows; None takes the compiled one where numba is installed.
    """
    if (route or default_route()) == "compiled":
        # Imported late: numba takes a second to load, and may not be installed.
        from chain_assets.core.abi.kernel.entry import event_texts

        return event_texts(logs, registry)
    parts = batches(logs, sized_by="data")
    return pa.concat_tables([outcome_table(_outcomes(p, registry), name="event") for p in parts])


def decode_event_columns(
    logs: Any, registry: Registry, *, route: Route | None = None
) -> list[ArgumentTable]:
    """The decoded ones of `logs`, as `decode_events` would decode them, by event.

    Each item has the arguments of one event as columns of an Arrow table, and which of `logs`
    its rows are, ascending; `abi/argument_tables.py` says how a value is represented.
    """
    if (route or default_route()) == "compiled":
        from chain_assets.core.abi.kernel.entry import event_columns

        return event_columns(logs, registry)
    before, tables = 0, []
    for part in batches(logs, sized_by="data"):
        tables += argument_tables(_outcomes(part, registry), before=before)
        before += part.num_rows
    return merge_tables(tables)


def _outcomes(logs: Any, registry: Registry) -> Iterator[Outcome]:
    columns = log_columns(logs)
    counts, well_formed = columns.topic_counts, columns.well_formed
    topic0 = logs["topic0"].combine_chunks()
    known_keys = pa.array(sorted(registry.topic0s), topic0.type)
    known = np.asarray(pc.is_in(topic0, known_keys)) & well_formed
    yield undecoded(np.flatnonzero(~well_formed), "topics are not 32 bytes each without a gap")
    yield undecoded(np.flatnonzero(well_formed & (counts == 0)), "no topics")
    yield undecoded(np.flatnonzero(well_formed & (counts > 0) & ~known), "unknown topic0")
    rows = np.flatnonzero(known)
    for key, count, members in group_rows(topic0.take(pa.array(rows)), rows, split_by=counts[rows]):
        candidates = registry.events.get((key, count), ())
        if candidates:
            yield from try_candidates(candidates, members, columns.decode)
        else:
            yield undecoded(members, f"topic0 known, but not with {count} topics")
