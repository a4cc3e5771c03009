"""SQL over the lake: DuckDB views in which hashes and addresses read as 0x hex.

decoded_logs         the view: every BINARY column as text, `0x…`
bytes.decoded_logs   the same rows as stored, for joins and for numeric order of words
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from chain_assets.core.errors import QueryError
from chain_assets.core.schemas import TABLES, Table
from chain_assets.lake.tables import LakeTables

__all__ = ["QueryError", "connect", "query"]


def connect(tables: LakeTables) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view for every table; tables never written to are empty.

    Views see the lake as it is now: a later commit is not in them.
    """
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA bytes")
    for table in TABLES.values():
        delta = tables.open(table)
        # The contract's schema: a table that nobody has written to since may lack newer columns.
        rows = (
            table.schema.empty_table()
            if delta is None
            else delta.to_pyarrow_dataset(schema=table.schema)
        )
        connection.register(f"{table.name}_rows", rows)
        connection.execute(f'CREATE VIEW bytes."{table.name}" AS SELECT * FROM "{table.name}_rows"')
        connection.execute(f'CREATE VIEW "{table.name}" AS {_hex_select(table)}')
    return connection


def query(tables: LakeTables, sql: str) -> pa.Table:
    """The answer to `sql`. Raises QueryError."""
    connection = connect(tables)
    try:
        relation = connection.sql(sql)
        # A statement that answers with no rows at all (SET, CREATE VIEW) has no relation.
        return pa.table({}) if relation is None else relation.to_arrow_table()
    except duckdb.Error as error:
        names = ", ".join(TABLES)
        raise QueryError(_first_words(error), todo=f"The tables are {names}") from error
    finally:
        connection.close()


def _first_words(error: duckdb.Error) -> str:
    """What is wrong, on one line; DuckDB goes on to draw the query with a pointer into it."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())


def _hex_select(table: Table) -> str:
    columns = [f'{_hex(field)} AS "{field.name}"' for field in table.schema]
    return f'SELECT {", ".join(columns)} FROM "{table.name}_rows"'


def _hex(field: pa.Field) -> str:
    name = f'"{field.name}"'
    if pa.types.is_binary(field.type):
        return f"'0x' || lower(hex({name}))"
    if pa.types.is_list(field.type) and pa.types.is_binary(field.type.value_type):
        return f"list_transform({name}, lambda item: '0x' || lower(hex(item)))"
    if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
        inner = ", ".join(f"'{f.name}': {_hex_inner(f)}" for f in field.type.value_type)
        return f"list_transform({name}, lambda item: {{{inner}}})"
    return name


def _hex_inner(field: pa.Field) -> str:
    name = f"item.{field.name}"
    if pa.types.is_binary(field.type):
        return f"'0x' || lower(hex({name}))"
    if pa.types.is_list(field.type):
        return f"list_transform({name}, lambda key: '0x' || lower(hex(key)))"
    return name
