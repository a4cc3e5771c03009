"""Transaction inputs to decoded calls: one row for each transaction, whatever is in it.

input → selector → the registry's candidates → columns → JSON
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.columns import BinaryColumn, Column, batches, binary_column
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import Positions, RowFates
from chain_assets.core.abi.outcomes import Outcomes, group_rows, try_candidates
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.signatures import Function

SELECTOR_BYTES = 4


def decode_calls(transactions: Any, registry: Registry) -> Any:
    """One row for each of `transactions`, in order, as an Arrow table.

    `transactions` has the binary columns `input` and `to_address`, null for a contract creation.
    The result has the string columns `function`, `signature`, `args` (a JSON object, see
    `abi/rendering.py`), `status` ("decoded" or "undecoded"), `reason` (null if decoded) and
    `abi_source`. No input raises: what does not fit is undecoded, and its reason says why.
    """
    parts = [_decode(batch, registry) for batch in batches(transactions, sized_by="input")]
    return pa.concat_tables(parts)


def _decode(transactions: Any, registry: Registry) -> Any:
    outcomes = Outcomes()
    source = binary_column(transactions["input"])
    creation = ~binary_column(transactions["to_address"]).present
    short = ~creation & (source.sizes < SELECTOR_BYTES)
    inputs = transactions["input"].combine_chunks()
    selectors = pc.binary_slice(inputs, 0, SELECTOR_BYTES)
    known_keys = pa.array(sorted(registry.functions), selectors.type)
    known = np.asarray(pc.is_in(selectors, known_keys)) & ~creation & ~short
    outcomes.undecoded(np.flatnonzero(creation), "contract creation")
    outcomes.undecoded(np.flatnonzero(short), "input is shorter than a selector (4 bytes)")
    outcomes.undecoded(np.flatnonzero(~creation & ~short & ~known), "unknown selector")
    rows = np.flatnonzero(known)

    def decode(function: Function, members: Positions) -> tuple[list[Column], RowFates]:
        return _arguments(function, members, source)

    for key, _, members in group_rows(selectors.take(pa.array(rows)), rows):
        try_candidates(registry.functions[key], members, decode, outcomes)
    return outcomes.table(name="function")


def _arguments(
    function: Function, rows: Positions, source: BinaryColumn
) -> tuple[list[Column], RowFates]:
    starts, ends = source.starts[rows] + SELECTOR_BYTES, source.ends[rows]
    fates = RowFates(ends - starts)
    columns = decode_arguments(
        [one.type for one in function.parameters],
        [one.name for one in function.parameters],
        source=source,
        starts=starts,
        ends=ends,
        fates=fates,
    )
    return columns, fates
