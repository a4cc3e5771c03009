"""Logs to decoded events: one row for each log, whatever is in it.

topics → (topic 0, number of topics) → the registry's candidates → columns → JSON
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import batches
from chain_assets.core.abi.logs import log_columns
from chain_assets.core.abi.outcomes import Outcomes, group_rows, try_candidates
from chain_assets.core.abi.registry import Registry


def decode_events(logs: Any, registry: Registry) -> Any:
    """One row for each of `logs`, in order, as an Arrow table.

    `logs` has the binary columns `topic0` to `topic3`, null where a log has fewer topics, and
    `data`. The result has the string columns `event`, `signature`, `args` (a JSON object, see
    `abi/rendering.py`), `status` ("decoded" or "undecoded"), `reason` (null if decoded) and
    `abi_source`. No log raises: what does not fit is undecoded, and its reason says why.
    """
    return pa.concat_tables([_decode(batch, registry) for batch in batches(logs, sized_by="data")])


def _decode(logs: Any, registry: Registry) -> Any:
    outcomes = Outcomes()
    columns = log_columns(logs)
    counts, well_formed = columns.topic_counts, columns.well_formed
    topic0 = logs["topic0"].combine_chunks()
    known_keys = pa.array(sorted(registry.topic0s), topic0.type)
    known = np.asarray(pc.is_in(topic0, known_keys)) & well_formed
    outcomes.undecoded(np.flatnonzero(~well_formed), "topics are not 32 bytes each without a gap")
    outcomes.undecoded(np.flatnonzero(well_formed & (counts == 0)), "no topics")
    outcomes.undecoded(np.flatnonzero(well_formed & (counts > 0) & ~known), "unknown topic0")
    rows = np.flatnonzero(known)
    for key, count, members in group_rows(topic0.take(pa.array(rows)), rows, split_by=counts[rows]):
        candidates = registry.events.get((key, count), ())
        if not candidates:
            outcomes.undecoded(members, f"topic0 known, but not with {count} topics")
        else:
            try_candidates(candidates, members, columns.decode, outcomes)
    return outcomes.table(name="event")
