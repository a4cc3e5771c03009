"""Parquet files: written as declared, and read alike by pyarrow, DuckDB and Spark."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chain_assets.core.schemas import TABLES, Table
from chain_assets.core.schemas.decoded import LOGS, TRANSACTIONS
from chain_assets.engine.spark import SparkEngine
from chain_assets.lake.data_files import write_options
from chain_assets_tests.lake_fixtures import Pipeline, spark_engine


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """Three layers of some blocks of the devnet."""
    pipeline = Pipeline.on_devnet(tmp_path_factory.mktemp("lake"))
    pipeline.run(0, 24)
    return pipeline


def file_of(lake: Pipeline, table: Table) -> Path:
    """One file of the table."""
    return next(Path(lake.tables.uri(table)).rglob("*.parquet"))


@pytest.mark.parametrize(("rows", "codec"), [(4096, "SNAPPY"), (4097, "ZSTD")])
@pytest.mark.parametrize("table", [pytest.param(table, id=name) for name, table in TABLES.items()])
def test_every_column_has_the_codec_that_its_table_declares(
    table: Table, rows: int, codec: str
) -> None:
    sink = pa.BufferOutputStream()
    options = write_options(table, rows=rows)
    pq.write_table(_row_of_nulls(table), sink, **options)
    group = pq.read_metadata(pa.BufferReader(sink.getvalue())).row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    named = set(options["compression"])
    assert named == {c.path_in_schema for c in columns if c.compression == codec}
    plain = {c.path_in_schema for c in columns} - named
    assert plain <= {"hash", "r", "s"}


def _row_of_nulls(table: Table) -> pa.Table:
    schema = pa.schema([field.with_nullable(True) for field in table.file_schema])
    return pa.Table.from_pylist([dict.fromkeys(schema.names)], schema=schema)


def test_numbers_are_written_as_differences_and_repeated_values_by_dictionary(
    lake: Pipeline,
) -> None:
    group = pq.read_metadata(file_of(lake, LOGS)).row_group(0)
    encodings = {
        group.column(index).path_in_schema: set(group.column(index).encodings)
        for index in range(group.num_columns)
    }
    assert "DELTA_BINARY_PACKED" in encodings["log_index"]
    assert "RLE_DICTIONARY" in encodings["address"]
    assert "RLE_DICTIONARY" not in encodings["data"]


def test_duckdb_and_spark_read_what_pyarrow_reads(lake: Pipeline) -> None:
    columns = "block_number, transaction_index, hash, input, gas, value, nonce, r"
    path = file_of(lake, TRANSACTIONS)
    ordered = f"select {columns} from '{path}' order by block_number, transaction_index"
    by_duckdb = duckdb.connect().execute(ordered).fetchall()
    spark = spark_engine()
    assert isinstance(spark, SparkEngine)
    frame = spark.session.read.parquet(str(path)).selectExpr(*columns.split(", "))
    by_spark = [
        tuple(bytes(v) if isinstance(v, bytearray) else v for v in row)
        for row in frame.orderBy("block_number", "transaction_index").collect()
    ]
    rows = pq.read_table(path, columns=columns.split(", ")).to_pylist()
    wanted = [tuple(row.values()) for row in rows]
    assert wanted
    assert by_duckdb == wanted
    assert by_spark == wanted
