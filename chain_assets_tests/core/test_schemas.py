"""The contracts: what must hold of every table, and the gate before a file is written."""

from __future__ import annotations

import pyarrow as pa
import pytest

from chain_assets.core.schemas import (
    DECODED_TABLES,
    ENRICHED_TABLES,
    JOURNAL_TABLES,
    TABLES,
    Column,
    Table,
)
from chain_assets.core.schemas.columns import ARROW_TYPES, check_table
from chain_assets_tests.core.sample_block import decode, sample_document

EVERY_TABLE = [pytest.param(table, id=name) for name, table in TABLES.items()]
JSON_OBJECTS = ("block", "transaction", "receipt", "log", "withdrawal")


def test_every_layer_has_its_tables() -> None:
    named = (*JOURNAL_TABLES, *DECODED_TABLES, *ENRICHED_TABLES)
    # raw_blocks and block_proofs; labels, tokens and prices.
    assert len(TABLES) == 2 + len(named) + 3
    assert {table.layer for table in TABLES.values()} == {"raw", "decoded", "enriched", "reference"}
    assert all(name == table.name for name, table in TABLES.items())


def test_the_row_that_says_a_block_is_there_is_committed_last() -> None:
    assert DECODED_TABLES[-1].name == "decoded_blocks"
    assert ENRICHED_TABLES[-1].name == "enriched_blocks"


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_columns_have_names_of_their_own_and_say_what_they_are(table: Table) -> None:
    names = [column.name for column in (*table.partition_columns, *table.columns)]
    assert len(set(names)) == len(names)
    assert names[0] == "chain"
    assert all(column.doc.endswith(".") for column in table.columns), names
    assert table.schema.names == names
    assert table.file_schema.names == [column.name for column in table.columns]


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_a_key_is_made_of_columns_that_are_always_set(table: Table) -> None:
    nullable = {column.name for column in table.columns if column.nullable}
    # The native token has no address, and prices are never looked up by the table's key.
    allowed = {"token_address"} if table.name == "token_prices" else set()
    assert table.key
    assert nullable & set(table.key) <= allowed
    assert set(table.key) <= set(table.file_schema.names)


@pytest.mark.parametrize("table", [*DECODED_TABLES, *ENRICHED_TABLES], ids=lambda t: t.name)
def test_a_block_table_begins_with_its_range_and_is_tied_to_its_block(table: Table) -> None:
    assert table.schema.names[:2] == ["chain", "block_range"]
    prefix = "" if table.number_column == "number" else "block_"
    tied = [f"{prefix}{name}" for name in ("number", "hash", "timestamp")]
    kinds = [table.column(name).kind for name in tied]
    assert kinds == ["quantity", "hash", "timestamp"]
    assert not any(table.column(name).nullable for name in tied)


def test_the_same_name_has_the_same_type_in_every_table() -> None:
    kinds: dict[str, set[str]] = {}
    for table in TABLES.values():
        for column in table.columns:
            kinds.setdefault(column.name, set()).add(column.kind)
    different = {name: found for name, found in kinds.items() if len(found) > 1}
    # Different facts: a block's nonce is eight bytes of proof of work, a transaction's is a count;
    # a receipt's status is a number, a decoded event's says how its decoding ended.
    assert different == {"nonce": {"nonce", "quantity"}, "status": {"quantity", "text"}}


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_a_source_is_a_json_path_or_a_column_that_exists(table: Table) -> None:
    for column in table.columns:
        for source in column.sources:
            origin, _, name = source.partition(".")
            assert name, source
            if origin not in JSON_OBJECTS:
                TABLES[origin].column(name)


@pytest.mark.parametrize("kind", ARROW_TYPES)
def test_every_kind_makes_a_field_of_its_type(kind: str) -> None:
    column = Column("c", kind, "Doc.", nullable=True)  # type: ignore[arg-type]
    assert column.field == pa.field("c", ARROW_TYPES[column.kind], nullable=True)


def test_a_column_that_is_not_there_is_a_key_error_with_the_tables_name() -> None:
    with pytest.raises(KeyError, match="decoded_logs has no column nowhere"):
        TABLES["decoded_logs"].column("nowhere")


LOGS = TABLES["decoded_logs"]


def logs() -> pa.Table:
    return decode(sample_document(5)).logs


def test_the_gate_puts_columns_in_order_and_drops_others() -> None:
    shuffled = logs().select(LOGS.file_schema.names[::-1])
    shuffled = shuffled.append_column("more", pa.array([1, 2, 3]))
    checked = check_table(LOGS, shuffled)
    assert checked.schema == LOGS.file_schema
    assert checked.equals(logs())


def test_the_gate_refuses_a_table_without_a_column() -> None:
    with pytest.raises(ValueError, match="decoded_logs lacks the columns address, data"):
        check_table(LOGS, logs().drop_columns(["data", "address"]))


def test_the_gate_refuses_null_where_the_contract_promises_none() -> None:
    place = LOGS.file_schema.names.index("data")
    with_null = logs().set_column(place, "data", pa.array([b"", None, b""], pa.binary()))
    with pytest.raises(ValueError, match=r"decoded_logs\.data has NULLs"):
        check_table(LOGS, with_null)


def test_the_gate_refuses_a_number_that_its_column_would_wrap() -> None:
    place = LOGS.file_schema.names.index("log_index")
    wide = pa.array([0, 1, 1 << 63], pa.uint64())
    with pytest.raises(pa.ArrowInvalid):
        check_table(LOGS, logs().set_column(place, "log_index", wide))
