"""SQL over the lake: 0x hex by default, the bytes beside it, one-line errors."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from chain_assets.core.schemas import TABLES
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.lake.views import QueryError, query
from chain_assets_tests.lake_fixtures import Pipeline, read_all


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> LakeTables:
    pipeline = Pipeline.on_devnet(tmp_path_factory.mktemp("a lake"))
    pipeline.run(0, 12)
    return pipeline.tables


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_asked_before_it_was_written(tmp_path: Path, name: str) -> None:
    empty = LakeTables(Storage(str(tmp_path / "nothing here")))
    for schema in ("main", "bytes"):
        answer = query(empty, f"SELECT * FROM {schema}.{name}")
        assert answer.column_names == TABLES[name].schema.names
        assert answer.num_rows == 0
    assert not (tmp_path / "nothing here").exists()


@pytest.mark.parametrize("name", TABLES)
def test_a_view_has_every_row_and_no_bytes(tables: LakeTables, name: str) -> None:
    answer = query(tables, f"SELECT * FROM {name}")
    assert answer.num_rows == read_all(tables, name).num_rows
    for field in answer.schema:
        assert "binary" not in str(field.type), field.name


@pytest.mark.parametrize("name", TABLES)
def test_the_bytes_view_has_the_rows_as_stored(tables: LakeTables, name: str) -> None:
    order = [(column, "ascending") for column in TABLES[name].key]
    answer = query(tables, f"SELECT * FROM bytes.{name}")
    stored = read_all(tables, name)
    assert answer.sort_by(order).to_pylist() == stored.sort_by(order).to_pylist()


def test_hashes_read_as_lower_case_hex(tables: LakeTables) -> None:
    stored = read_all(tables, "decoded_blocks").sort_by("number")["hash"].to_pylist()
    answer = query(tables, "SELECT hash FROM decoded_blocks ORDER BY number")
    assert answer["hash"].to_pylist() == ["0x" + value.hex() for value in stored]
    first = answer["hash"][0].as_py()
    found = query(tables, f"SELECT number FROM decoded_blocks WHERE hash = '{first}'")
    assert found.to_pylist() == [{"number": 0}]


def test_filters_on_bounds_find_their_rows(tables: LakeTables) -> None:
    answer = query(
        tables,
        "SELECT count(*) AS n FROM decoded_blocks WHERE number BETWEEN 3 AND 11"
        " AND timestamp > '2000-01-01' AND block_range = '000000000010-000000000019'",
    )
    assert answer.to_pylist() == [{"n": 2}]


def test_nested_values_read_as_hex_too(tables: LakeTables) -> None:
    lists = [
        row for row in read_all(tables, "decoded_transactions")["access_list"].to_pylist() if row
    ]
    assert lists, "the devnet made no access list"
    answer = query(
        tables, "SELECT access_list FROM decoded_transactions WHERE len(access_list) > 0"
    )
    shown = answer["access_list"].to_pylist()
    expected = [
        [
            {
                "address": "0x" + item["address"].hex(),
                "storage_keys": ["0x" + key.hex() for key in item["storage_keys"]],
            }
            for item in items
        ]
        for items in lists
    ]
    assert sorted(map(str, shown)) == sorted(map(str, expected))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        pytest.param("SELEC 1", "syntax error", id="no-sql"),
        pytest.param("SELECT * FROM nowhere", "nowhere", id="no-such-table"),
        pytest.param("SELECT nothing FROM decoded_blocks", "nothing", id="no-such-column"),
        pytest.param("SELECT 'a'::INT", "Could not convert", id="no-number"),
        pytest.param("SELECT 1;\nSELECT *\nFROM\n\nnowhere", "nowhere", id="several-lines"),
    ],
)
def test_wrong_sql_is_a_line_that_says_what_is_wrong(
    tables: LakeTables, sql: str, words: str
) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        query(tables, sql)
    assert "\n" not in str(caught.value)


def test_a_lost_file_is_an_error_and_no_shorter_answer(tmp_path: Path) -> None:
    pipeline = Pipeline.on_devnet(tmp_path)
    pipeline.run(0, 2)
    next((tmp_path / "decoded_blocks").rglob("*.parquet")).unlink()
    with pytest.raises(QueryError) as caught:
        query(pipeline.tables, "SELECT sum(gas_used) FROM decoded_blocks")
    assert "\n" not in str(caught.value)


def test_a_statement_without_rows_has_an_empty_answer(tables: LakeTables) -> None:
    assert query(tables, "").equals(pa.table({}))
