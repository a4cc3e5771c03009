"""All tables of all blocks by the slow route, and their comparison with what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


def decoded_rows(document: Json) -> dict[str, list[Row]]:
    """The rows of each decoded table, of one block."""
    return {name: make(document) for name, make in _DECODED.items()}


def enriched_rows_of(document: Json, reference: Reference) -> dict[str, list[Row]]:
    """The rows of each enriched table, of one block."""
    decoded = decoded_rows(document)
    return {name: make(decoded, reference) for name, make in _ENRICHED.items()}


def assert_tables_agree(
    chain: str, blocks: Sequence[RealBlock], read_table: ReadTable, *, only: Iterable[str] = ()
) -> None:
    """Fail unless every decoded table holds exactly what the slow route makes of `blocks`.

    `read_table(name)` gives the pyarrow table with all of the chain's rows: those of a kernel, or
    of a Delta table. `only` names the tables to compare, where not all are there.
    """
    wanted = tuple(only) or tuple(_DECODED)
    expected = _together(decoded_rows(block.document) for block in blocks)
    assert_rows_agree(chain, {name: expected[name] for name in wanted}, read_table)
    if "decoded_blocks" in wanted:
        assert_counts_agree(blocks, read_table)


def assert_enriched_tables_agree(
    chain: str, blocks: Sequence[RealBlock], read_table: ReadTable, *, reference: Reference
) -> None:
    """Fail unless every enriched table holds exactly what the slow route makes of `blocks`."""
    expected = _together(enriched_rows_of(block.document, reference) for block in blocks)
    assert_rows_agree(chain, expected, read_table)


def _together(parts: Iterable[dict[str, list[Row]]]) -> dict[str, list[Row]]:
    whole: dict[str, list[Row]] = {}
    for part in parts:
        for name, rows in part.items():
            whole.setdefault(name, []).extend(rows)
    return whole


def assert_counts_agree(blocks: Sequence[RealBlock], read_table: ReadTable) -> None:
    """Each block's transaction and log counts and gas sum, straight from its JSON."""
    transactions = read_table("decoded_transactions").to_pylist()
    logs = read_table("decoded_logs").to_pylist()
    for block in blocks:
        header, receipts = block.document["block"], block.document["receipts"]
        own = [row for row in transactions if row["block_hash"] == block.hash]
        assert len(own) == len(header["transactions"]), block.path
        if receipts is None:
            assert all(row["gas_used"] is None for row in own), block.path
            continue
        emitted = sum(len(receipt["logs"]) for receipt in receipts)
        assert sum(row["block_hash"] == block.hash for row in logs) == emitted, block.path
        assert sum(row["gas_used"] for row in own) == int(header["gasUsed"], 16), block.path
