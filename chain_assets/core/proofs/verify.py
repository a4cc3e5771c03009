"""Prove decoded blocks against their own headers.

BlockTables → ProofBatch → Recomputed → Verdicts → rows of `block_proofs`
              batch.py     compiled.py   verdict.py   here
                           or plain.py
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.proofs.batch import Longs, ProofBatch, Recomputed, make_batch
from chain_assets.core.proofs.rules import ProofRules
from chain_assets.core.proofs.verdict import Verdicts, judge
from chain_assets.core.schemas.proofs import BLOCK_PROOFS

VERIFIER = "5"
"""Bump it when the same block is judged otherwise."""

Route = Literal["compiled", "plain"]


def prove_blocks(
    decoded: BlockTables,
    *,
    rules: ProofRules,
    recover_senders: bool = False,
    route: Route | None = None,
) -> pa.Table:
    """One row a block, in the order of `decoded.blocks`: `block_proofs` without `verified_at`.

    Nothing in a block makes this raise: what does not fit is a `failed` row with its reason.
    `recover_senders` also checks who signed each transaction, and costs about 0.2 ms for each.
    Both routes give the same rows; None takes the compiled one where numba is installed.

    Raises ValueError where the tables are not those of one decode, or have a column of 2 GiB or
    more (layers/decode_task.py decodes less at a time), and ConfigError where senders are to be
    recovered and coincurve is not installed.
    """
    batch = make_batch(decoded, rules=rules)
    senders = None
    if recover_senders:
        from chain_assets.core.proofs.senders import foreign_senders

        senders = foreign_senders(batch)
    recomputed = _recompute(batch, route or default_route())
    return _rows(batch, judge(batch, recomputed, senders))


@lru_cache(maxsize=1)
def default_route() -> Route:
    """The route for this installation."""
    return "compiled" if find_spec("numba") is not None else "plain"


def _recompute(batch: ProofBatch, route: Route) -> Recomputed:
    if route not in get_args(Route):
        raise ValueError(f"no such route: {route!r}")
    # Imported late: numba takes a second to load, and may not be installed.
    if route == "compiled":
        from chain_assets.core.proofs import compiled

        return compiled.recompute(batch)
    from chain_assets.core.proofs import plain

    return plain.recompute(batch)


def _rows(batch: ProofBatch, verdicts: Verdicts) -> pa.Table:
    count = batch.blocks.num_rows
    columns = {
        "number": batch.blocks["number"],
        "hash": batch.blocks["hash"],
        "level": [verdicts.level(block) for block in range(count)],
        **{f"{part}_ok": _nullable(values) for part, values in verdicts.parts.items()},
        "reason": [verdicts.reason(block) for block in range(count)],
        "verifier_version": [VERIFIER] * count,
    }
    fields = [field for field in BLOCK_PROOFS.file_schema if field.name in columns]
    return pa.table([columns[field.name] for field in fields], schema=pa.schema(fields))


def _nullable(verdict: Longs) -> pa.Array:
    return pa.array(verdict == 1, mask=np.asarray(verdict) < 0)
