"""Tables against the slow route: every block, row and column, and what differs if one does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from chain_assets.core.schemas import TABLES, Table
from chain_assets_tests.slow_route.readers import Row

_SHOWN = 20
# Made by the pipeline from what is not in the block's JSON; tested where they are made.
NOT_IN_JSON = {"chain", "block_range", "proof", "decoder_version", "raw_sha256", "enricher_version"}


class AnyText:
    """Equal to every text that says something: a reason's wording is the kernel's own."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and bool(other.strip())

    def __hash__(self) -> int:
        return hash(AnyText)

    def __repr__(self) -> str:
        return "<any text>"


def assert_rows_agree(
    chain: str, expected: Mapping[str, Iterable[Row]], read_table: Callable[[str], Any]
) -> None:
    """Fail unless each table of `expected` holds exactly its rows, column by column.

    `read_table(name)` gives the pyarrow table with all of the chain's rows. The failure names
    chain, block, table, row key, column and both values.
    """
    differences = [
        f"{chain}, {line}"
        for name, rows in expected.items()
        for line in table_differences(TABLES[name], list(rows), read_table(name))
    ]
    more = [f"… and {len(differences) - _SHOWN} more"] if len(differences) > _SHOWN else []
    assert not differences, "\n".join(["tables differ:", *differences[:_SHOWN], *more])


def table_differences(table: Table, expected: Sequence[Row], actual: pa.Table) -> Iterator[str]:
    """One line for each row or value in which `actual` is not `expected`."""
    columns = [column.name for column in table.columns if column.name not in NOT_IN_JSON]
    missing = [name for name in columns if name not in actual.column_names]
    if missing:
        yield f"{table.name}: columns {', '.join(missing)} are missing"
        return
    for row in expected:
        if set(row) != set(columns):
            yield f"{table.name}: the slow route makes {sorted(set(row) ^ set(columns))} otherwise"
            return
    rows = actual.select(columns).to_pylist()
    yield from _row_differences(table, _keyed(table, expected), _keyed(table, rows))
    for who, counted in (("slow route", expected), ("table", rows)):
        for key, count in Counter(_key(table, row) for row in counted).items():
            if count > 1:
                yield f"{_place(table, key)}: {count} rows of the same key in the {who}"


def _row_differences(
    table: Table, expected: Mapping[Any, Row], actual: Mapping[Any, Row]
) -> Iterator[str]:
    for key in expected.keys() - actual.keys():
        yield f"{_place(table, key)}: the row is missing"
    for key in actual.keys() - expected.keys():
        yield f"{_place(table, key)}: the row should not be there"
    for key in sorted(expected.keys() & actual.keys()):
        for column, wanted in expected[key].items():
            value = actual[key][column]
            if not _same(wanted, value):
                yield f"{_place(table, key)}, {column}: slow route {wanted!r}, table {value!r}"


def _same(wanted: Any, value: Any) -> bool:
    """Equal and of one type: True is not 1 here, and an amount is no integer.

    Dollars are doubles: the order of their products may differ, so the last bits may.
    """
    if isinstance(wanted, AnyText):
        return bool(wanted == value)
    if isinstance(wanted, datetime):
        return isinstance(value, datetime) and value.tzinfo is not None and wanted == value
    if type(wanted) is not type(value):
        return False
    if isinstance(wanted, float):
        return math.isclose(wanted, value, rel_tol=1e-12)
    if isinstance(wanted, list):
        return len(wanted) == len(value) and all(map(_same, wanted, value))
    if isinstance(wanted, dict):
        return wanted.keys() == value.keys() and all(_same(wanted[k], value[k]) for k in wanted)
    return bool(wanted == value)


def _key(table: Table, row: Row) -> tuple[Any, ...]:
    """Number and hash of the block, and the row's key: both sides of a fork may be there."""
    hash_column = "hash" if table.number_column == "number" else "block_hash"
    within = tuple(row[name] for name in table.key if name != table.number_column)
    return (row[table.number_column], row[hash_column], *within)


def _keyed(table: Table, rows: Iterable[Row]) -> dict[Any, Row]:
    return {_key(table, row): row for row in rows}


def _place(table: Table, key: tuple[Any, ...]) -> str:
    names = [name for name in table.key if name != table.number_column]
    within = "".join(f", {name} {value}" for name, value in zip(names, key[2:], strict=False))
    return f"block {key[0]} ({key[1].hex()[:8]}), {table.name}{within}"
