"""The judge itself: what differs between a table and the slow route is found and shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chain_assets.core.schemas import TABLES
from chain_assets_tests.core.sample_block import decode, sample_document
from chain_assets_tests.slow_route import chain_rows
from chain_assets_tests.slow_route.agreement import assert_rows_agree
from chain_assets_tests.slow_route.readers import Row

EXPECTED = {
    "decoded_logs": chain_rows.logs(sample_document(5)),
    "decoded_transactions": chain_rows.transactions(sample_document(5)),
}


def actual() -> dict[str, Any]:
    tables = decode(sample_document(5))
    return {"decoded_logs": tables.logs, "decoded_transactions": tables.transactions}


def changed(table: pa.Table, index: int, **values: Any) -> pa.Table:
    rows = table.to_pylist()
    rows[index] |= values
    return pa.Table.from_pylist(rows, schema=table.schema)


def test_equal_tables_agree_whatever_the_order_of_their_rows() -> None:
    tables = {
        name: table.take(pa.array(range(len(table) - 1, -1, -1)))
        for name, table in actual().items()
    }
    assert_rows_agree("testchain", EXPECTED, tables.__getitem__)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        pytest.param("decoded_logs", {"data": b"\x01"}, "data: slow route b'', ", id="data"),
        pytest.param("decoded_logs", {"topic2": bytes(32)}, "topic2: slow route None", id="null"),
        pytest.param(
            "decoded_transactions",
            {"value": Decimal(8)},
            "value: slow route Decimal('1000000000000000000'), table Decimal('8')",
            id="amount",
        ),
        pytest.param(
            "decoded_transactions",
            {"block_timestamp": datetime.fromtimestamp(1_700_000_061, UTC)},
            "block_timestamp: slow route",
            id="one second",
        ),
        pytest.param(
            "decoded_transactions",
            {"access_list": [{"address": bytes(20), "storage_keys": []}]},
            "access_list: slow route [{'address'",
            id="inside a list",
        ),
    ],
)
def test_one_wrong_value_is_shown_with_its_place(name: str, values: Row, words: str) -> None:
    tables = actual()
    tables[name] = changed(tables[name], 1, **values)
    with pytest.raises(AssertionError) as caught:
        assert_rows_agree("testchain", EXPECTED, tables.__getitem__)
    index = "log_index 1" if name == "decoded_logs" else "transaction_index 1"
    assert f"testchain, block 5 (00000000), {name}, {index}, {words}" in str(caught.value)
    assert str(caught.value).count("slow route") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda t: t.slice(1), "log_index 0: the row is missing", id="missing row"),
        pytest.param(
            lambda t: pa.concat_tables([t, changed(t.slice(0, 1), 0, log_index=9)]),
            "log_index 9: the row should not be there",
            id="row too many",
        ),
        pytest.param(
            lambda t: pa.concat_tables([t, t.slice(0, 1)]),
            "log_index 0: 2 rows of the same key in the table",
            id="row twice",
        ),
        pytest.param(
            lambda t: t.drop_columns(["topic3"]), "columns topic3 are missing", id="no column"
        ),
        pytest.param(
            lambda t: t.set_column(
                t.column_names.index("log_index"), "log_index", t["log_index"].cast(pa.float64())
            ),
            "log_index: slow route 1, table 1.0",
            id="another type",
        ),
    ],
)
def test_a_wrong_table_is_shown(change: Callable[[pa.Table], pa.Table], words: str) -> None:
    tables = actual()
    tables["decoded_logs"] = change(tables["decoded_logs"])
    with pytest.raises(AssertionError) as caught:
        assert_rows_agree("testchain", EXPECTED, tables.__getitem__)
    assert words in str(caught.value)


def test_a_column_that_the_slow_route_forgets_is_shown() -> None:
    rows = [{k: v for k, v in row.items() if k != "data"} for row in EXPECTED["decoded_logs"]]
    with pytest.raises(AssertionError, match="data"):
        assert_rows_agree("testchain", {"decoded_logs": rows}, actual().__getitem__)


def test_the_slow_route_knows_the_columns_of_the_contract() -> None:
    columns = {column.name for column in TABLES["decoded_logs"].columns}
    assert set(EXPECTED["decoded_logs"][0]) == columns
