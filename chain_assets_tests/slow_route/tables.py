"""All tables of all blocks by the slow route, and their comparison with what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from chain_assets_tests.slow_route import abi_rows, chain_rows, enriched_rows, token_rows
from chain_assets_tests.slow_route.agreement import assert_rows_agree
from chain_assets_tests.slow_route.enriched_rows import Reference
from chain_assets_tests.slow_route.readers import Json, Row
from chain_assets_tests.slow_route.real_blocks import RealBlock

_DECODED: dict[str, Callable[[Json], list[Row]]] = {
    "decoded_blocks": chain_rows.blocks,
    "decoded_transactions": chain_rows.transactions,
    "decoded_logs": chain_rows.logs,
    "decoded_withdrawals": chain_rows.withdrawals,
    "decoded_events": abi_rows.events,
    "decoded_calls": abi_rows.calls,
    "decoded_token_transfers": token_rows.token_transfers,
}
_ENRICHED: dict[str, Callable[[dict[str, list[Row]], Reference], list[Row]]] = {
    "enriched_blocks": enriched_rows.blocks,
    "enriched_transactions": enriched_rows.transactions,
    "enriched_token_transfers": enriched_rows.token_transfers,
}
ReadTable = Callable[[str], Any]


@cache
def decoded_rows(block: RealBlock) -> dict[str, list[Row]]:
    """The rows of each decoded table, of one block: made once for all that is compared."""
    return {name: make(block.document) for name, make in _DECODED.items()}


def enriched_rows_of(block: RealBlock, reference: Reference) -> dict[str, list[Row]]:
    """The rows of each enriched table, of one block."""
    decoded = decoded_rows(block)
    return {name: make(decoded, reference) for name, make in _ENRICHED.items()}


def assert_tables_agree(
    chain: str, blocks: Sequence[RealBlock], read_table: ReadTable, *, only: Iterable[str] = ()
) -> None:
    """Fail unless every decoded table holds exactly what the slow route makes of `blocks`.

    `read_table(name)` gives the pyarrow table with all of the chain's rows: those of a kernel, or
    of a Delta table. `only` names the tables to compare, where not all are there.
    """
    wanted = tuple(only) or tuple(_DECODED)
    expected = _together(decoded_rows(block) for block in blocks)
    assert_rows_agree(chain, {name: expected[name] for name in wanted}, read_table)
    if "decoded_blocks" in wanted:
        assert_counts_agree(blocks, read_table)


def assert_enriched_tables_agree(
    chain: str, blocks: Sequence[RealBlock], read_table: ReadTable, *, reference: Reference
) -> None:
    """Fail unless every enriched table holds exactly what the slow route makes of `blocks`."""
    expected = _together(enriched_rows_of(block, reference) for block in blocks)
    assert_rows_agree(chain, expected, read_table)


def _together(parts: Iterable[dict[str, list[Row]]]) -> dict[str, list[Row]]:
    whole: dict[str, list[Row]] = {}
    for part in parts:
        for name, rows in part.items():
            whole.setdefault(name, []).extend(rows)
    return whole


def assert_counts_agree(blocks: Sequence[RealBlock], read_table: ReadTable) -> None:
    """Each block's transaction and log counts and gas sum, straight from its JSON."""
    gas: dict[bytes, list[int | None]] = {}
    for row in read_table("decoded_transactions").select(["block_hash", "gas_used"]).to_pylist():
        gas.setdefault(row["block_hash"], []).append(row["gas_used"])
    logs = Counter(read_table("decoded_logs")["block_hash"].to_pylist())
    for block in blocks:
        header, receipts = block.document["block"], block.document["receipts"]
        used = gas.get(block.hash, [])
        assert len(used) == len(header["transactions"]), block.path
        if receipts is None:
            assert set(used) <= {None}, block.path
            continue
        assert logs[block.hash] == sum(len(receipt["logs"]) for receipt in receipts), block.path
        assert sum(one or 0 for one in used) == int(header["gasUsed"], 16), block.path
