"""Files are found by every filter: statistics never hide a row from a reader."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from chain_assets.core.schemas.columns import Column, Table
from chain_assets.lake.data_files import write_data_file
from chain_assets.lake.statistics import statistics
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables

PARTITION = {"chain": "devnet", "block_range": "000000000000-000000000009"}
COLUMNS = (
    Column("block_number", "quantity", ""),
    Column("long", "quantity", "", nullable=True),
    Column("amount", "amount", "", nullable=True),
    Column("decimal", "decimal", "", nullable=True),
    Column("double", "double", "", nullable=True),
    Column("flag", "bool", "", nullable=True),
    Column("text", "text", "", nullable=True),
    Column("when", "timestamp", "", nullable=True),
    Column("hash", "hash", "", nullable=True),
)
MADE_UP = Table(
    name="made_up", layer="decoded", grain="row", key=("block_number",), columns=COLUMNS
)
ROWS: list[dict[str, Any]] = [
    {
        "block_number": 1,
        "long": 2**63 - 1,
        "amount": Decimal(10**38 - 1),
        "decimal": Decimal("99999999999999999999.999999999999999999"),
        "double": 0.1,
        "flag": True,
        "text": "z" * 40 + "é\u2028",
        "when": datetime(2024, 3, 13, 13, 55, 35, 999_999, UTC),
        "hash": b"\xff" * 32,
    },
    {
        "block_number": 2,
        "long": 0,
        "amount": Decimal(2**63 + 1),
        "decimal": Decimal("0.000000000000000001"),
        "double": 1e300,
        "flag": False,
        "text": 'a "quoted" \\ text',
        "when": datetime(2015, 7, 30, 15, 26, 13, tzinfo=UTC),
        "hash": b"\x00" * 32,
    },
    dict.fromkeys([column.name for column in COLUMNS]) | {"block_number": 3},
]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[1:], ROWS[2:]], ids=str)
@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_a_filter_on_any_column_finds_every_row_that_has_the_value(
    column: str, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    tables = LakeTables(Storage(str(tmp_path)))
    data = pa.Table.from_pylist(rows, schema=MADE_UP.file_schema)
    file = write_data_file(tables.store, MADE_UP, data, partition=PARTITION)
    assert file is not None
    tables.replace_blocks(MADE_UP, [file], partition=PARTITION, numbers=None)
    dataset = DeltaTable(str(tmp_path / "made_up")).to_pyarrow_dataset()
    for row in rows:
        value = row[column]
        field = pc.field(column)
        wanted = (
            field.is_null()
            if value is None
            else field == pa.scalar(value, MADE_UP.column(column).field.type)
        )
        found = dataset.to_table(filter=wanted)["block_number"].to_pylist()
        assert found == [r["block_number"] for r in rows if r[column] == value]


def test_decimals_keep_all_their_digits() -> None:
    text = statistics(pa.Table.from_pylist(ROWS, schema=MADE_UP.file_schema))
    assert f'"amount":{10**38 - 1}' in text
    assert '"decimal":99999999999999999999.999999999999999999' in text
