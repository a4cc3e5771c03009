"""Whatever stands in the tables, both routes say the same, and neither crashes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain_assets.core.block_tables import BlockTables
from chain_assets.core.proofs import prove_blocks, rules_for
from chain_assets.core.schemas.columns import Column, Kind, Table
from chain_assets.core.schemas.decoded import BLOCKS, LOGS, TRANSACTIONS, WITHDRAWALS

_LENGTHS: dict[Kind, int] = {"hash": 32, "address": 20, "bloom": 256, "nonce": 8, "word": 32}
_KNOWN_TYPES = st.sampled_from([*range(5), *range(0x64, 0x6B), 0x7B, 0x7E, 0x7F])
_QUANTITY = st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 27, 28, 35, 36, 127, 128, 256])
_AMOUNT = st.integers(0, 10**38 - 1).map(Decimal)


def fixed(length: int) -> st.SearchStrategy[bytes]:
    """Bytes of the length, and now and then of none that is right."""
    fill = st.integers(0, 255).map(lambda byte: bytes([byte]) * length)
    return st.binary(min_size=length, max_size=length) | fill | st.binary(max_size=40)


_WORD = fixed(32)
_ENTRY = st.fixed_dictionaries({"address": fixed(20), "storage_keys": st.lists(_WORD, max_size=3)})
_AUTHORIZATION = st.fixed_dictionaries(
    {
        "chain_id": _WORD,
        "address": fixed(20),
        "nonce": _AMOUNT,
        "y_parity": st.integers(0, 2**63 - 1),
        "r": _WORD,
        "s": _WORD,
    }
)
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "data": st.binary(max_size=70),
    "quantity": _QUANTITY,
    "amount": _AMOUNT,
    "timestamp": st.just(datetime(2020, 1, 1, tzinfo=UTC)),
    "bool": st.booleans(),
    "text": st.just(""),
    "hashes": st.lists(_WORD, max_size=3),
    "access_list": st.lists(_ENTRY, max_size=3),
    "authorization_list": st.lists(_AUTHORIZATION, max_size=2),
}


def column_values(column: Column) -> st.SearchStrategy[Any]:
    width = _LENGTHS.get(column.kind)
    values = _VALUES[column.kind] if width is None else fixed(width)
    if (column.name, column.kind) == ("type", "quantity"):
        values = _KNOWN_TYPES | values
    return values | st.none() if column.nullable else values


@st.composite
def any_tables(draw: st.DrawFn) -> BlockTables:
    """Blocks of any rows; only the counts, by which rows find their block, are right."""
    counts = draw(st.lists(st.lists(st.integers(0, 2), max_size=4), min_size=1, max_size=3))
    withdrawals = [draw(st.integers(0, 3)) for _ in counts]
    blocks: dict[str, list[Any]] = {
        "transaction_count": [len(logs) for logs in counts],
        "log_count": [draw(st.sampled_from([sum(logs), None])) for logs in counts],
        "withdrawal_count": [count or draw(st.sampled_from([0, None])) for count in withdrawals],
    }
    flat = [count for logs in counts for count in logs]
    return BlockTables(
        blocks=_table(draw, BLOCKS, len(counts), blocks),
        transactions=_table(draw, TRANSACTIONS, len(flat), {"log_count": flat}),
        logs=_table(draw, LOGS, sum(flat), {}),
        withdrawals=_table(draw, WITHDRAWALS, sum(withdrawals), {}),
        unknown_fields=Counter(),
        refused=(),
    )


def _table(draw: st.DrawFn, table: Table, rows: int, given: dict[str, list[Any]]) -> pa.Table:
    columns = [
        given.get(column.name) or [draw(column_values(column)) for _ in range(rows)]
        for column in table.columns
    ]
    return pa.table(columns, schema=table.file_schema)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_tables(), st.sampled_from(["ethereum", "op_stack", "arbitrum", "bor"]))
def test_any_rows_are_judged_alike_on_both_routes(tables: BlockTables, family: str) -> None:
    rules = rules_for(family, 7)
    compiled = prove_blocks(tables, rules=rules, route="compiled")
    assert compiled.equals(prove_blocks(tables, rules=rules, route="plain"))
    assert "full" not in compiled["level"].to_pylist()
    for row in compiled.to_pylist():
        assert row["reason"], row


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_tables())
def test_any_signatures_can_be_asked_for_their_sender(tables: BlockTables) -> None:
    pytest.importorskip("coincurve")
    rows = prove_blocks(tables, rules=rules_for("ethereum", 7), recover_senders=True)
    assert set(rows["level"].to_pylist()) <= {"failed", "partial"}
