"""Transaction inputs to decoded calls: one row for each transaction, whatever is in it.

input → selector → the registry's candidates → columns → JSON
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.abi.argument_tables import ArgumentTable, argument_tables, merge_tables
from chain_assets.core.abi.columns import BinaryColumn, Column, batches, binary_column
from chain_assets.core.abi.decoding import decode_arguments
from chain_assets.core.abi.fates import Positions, RowFates
from chain_assets.core.abi.outcomes import (
    Outcome,
    group_rows,
    outcome_table,
    try_candidates,
    undecoded,
)
from chain_assets.core.abi.registry import Registry
from chain_assets.core.abi.routes import Route, default_route
from chain_assets.core.abi.signatures import Function

SELECTOR_BYTES = 4


def decode_calls(transactions: Any, registry: Registry, *, route: Route | None = None) -> Any:
    """One row for each of `transactions`, in order, as an Arrow table.

    `transactions` has the binary columns `input` and `to_address`, null for a contract creation.
    The result has the string columns `function`, `signature`, `args` (a JSON object, see
    `abi/rendering.py`), `status` ("decoded" or "undecoded"), `reason` (null if decoded) and
    `abi_source`. No input raises: what does not fit is undecoded, and its reason says why.
    Both routes give the same rows; None takes the compiled one where numba is installed.
    """
    if (route or default_route()) == "compiled":
        # Imported late: numba takes a second to load, and may not be installed.
        from chain_assets.core.abi.kernel.entry import call_texts

        return call_texts(transactions, registry)
    parts = batches(transactions, sized_by="input")
    return pa.concat_tables([outcome_table(_outcomes(p, registry), name="function") for p in parts])


def decode_call_columns(
    transactions: Any, registry: Registry, *, route: Route | None = None
) -> list[ArgumentTable]:
    """The decoded ones of `transactions`, as `decode_calls` would decode them, by function.

    Each item has the arguments of one function as columns of an Arrow table, and which of
    `transactions` its rows are, ascending; see `abi/argument_tables.py`.
    """
    if (route or default_route()) == "compiled":
        from chain_assets.core.abi.kernel.entry import call_columns

        return call_columns(transactions, registry)
    before, tables = 0, []
    for part in batches(transactions, sized_by="input"):
        tables += argument_tables(_outcomes(part, registry), before=before)
        before += part.num_rows
    return merge_tables(tables)


def _outcomes(transactions: Any, registry: Registry) -> Iterator[Outcome]:
    source = binary_column(transactions["input"])
    creation = ~binary_column(transactions["to_address"]).present
    short = ~creation & (source.sizes < SELECTOR_BYTES)
    inputs = transactions["input"].combine_chunks()
    selectors = pc.binary_slice(inputs, 0, SELECTOR_BYTES)
    known_keys = pa.array(sorted(registry.functions), selectors.type)
    known = np.asarray(pc.is_in(selectors, known_keys)) & ~creation & ~short
    yield undecoded(np.flatnonzero(creation), "contract creation")
    yield undecoded(np.flatnonzero(short), "input is shorter than a selector (4 bytes)")
    yield undecoded(np.flatnonzero(~creation & ~short & ~known), "unknown selector")
    rows = np.flatnonzero(known)
    for key, _, members in group_rows(selectors.take(pa.array(rows)), rows):
        yield from try_candidates(registry.functions[key], members, partial(decode_call, source))


def decode_call(
    inputs: BinaryColumn, function: Function, rows: Positions
) -> tuple[list[Column], RowFates]:
    """The arguments of `rows` read as `function`; each must have a selector."""
    starts, ends = inputs.starts[rows] + SELECTOR_BYTES, inputs.ends[rows]
    fates = RowFates(ends - starts)
    columns = decode_arguments(
        [one.type for one in function.parameters],
        [one.name for one in function.parameters],
        source=inputs,
        starts=starts,
        ends=ends,
        fates=fates,
    )
    return columns, fates
