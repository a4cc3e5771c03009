"""Every way in which a reference file is refused, and what the error names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from chain_assets.core.errors import ReferenceFileError
from chain_assets_tests.lake.reference_csv import AT, CHAIN, HEADERS, A, B, read, write

LABEL, TOKEN, PRICE = "entity_labels", "token_metadata", "token_prices"


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        pytest.param(LABEL, f"{CHAIN},0x12,x,s,", "address: '0x12' is not an address", id="short"),
        pytest.param(LABEL, f"{CHAIN},{A}0,x,s,", "column address", id="long address"),
        pytest.param(LABEL, f"{CHAIN},0x{'g' * 40},x,s,", "column address", id="not hex"),
        pytest.param(LABEL, f"{CHAIN},,x,s,", "column address: is empty", id="no address"),
        pytest.param(LABEL, f"{CHAIN},{A},,s,", "column label: is empty", id="no label"),
        pytest.param(LABEL, f"{CHAIN},{A},x,,", "column source: is empty", id="no source"),
        pytest.param(LABEL, f",{A},x,s,", "column chain: is empty", id="no chain"),
        pytest.param(LABEL, f"{CHAIN},{A},x,s,2024-01-01", "column as_of", id="a date only"),
        pytest.param(TOKEN, f"{CHAIN},{A},T,,256,s,", "decimals: '256' is not a num", id="256"),
        pytest.param(TOKEN, f"{CHAIN},{A},T,,-1,s,", "column decimals", id="negative decimals"),
        pytest.param(TOKEN, f"{CHAIN},{A},T,,6.0,s,", "column decimals", id="broken decimals"),
        pytest.param(TOKEN, f"{CHAIN},{A},T,,,s,", "decimals: is empty", id="no decimals"),
        pytest.param(PRICE, f"{CHAIN},{A},{AT},-1,s,", "price_usd: '-1' is not", id="negative"),
        pytest.param(PRICE, f"{CHAIN},{A},{AT},NaN,s,", "price_usd: 'NaN' is not", id="NaN"),
        pytest.param(PRICE, f"{CHAIN},{A},{AT},inf,s,", "price_usd: 'inf' is not", id="infinite"),
        pytest.param(PRICE, f"{CHAIN},{A},{AT},1e999,s,", "price_usd: '1e999'", id="too large"),
        pytest.param(PRICE, f'{CHAIN},{A},{AT},"1,5",s,', "price_usd: '1,5'", id="a comma"),
        pytest.param(PRICE, f"{CHAIN},{A},{AT},,s,", "price_usd: is empty", id="no price"),
        pytest.param(
            PRICE,
            f"{CHAIN},{A},2024-01-01T00:00:00,1,s,",
            "price_at: '2024-01-01T00:00:00' is not a time with its zone",
            id="naive time",
        ),
        pytest.param(PRICE, f"{CHAIN},{A},2024-02-30T00:00:00Z,1,s,", "price_at", id="no such day"),
        pytest.param(PRICE, f"{CHAIN},{A},1704067200,1,s,", "column price_at", id="Unix seconds"),
        pytest.param(PRICE, f"{CHAIN},{A},,1,s,", "price_at: is empty", id="no time"),
    ],
)
def test_a_bad_value_is_refused_with_file_line_and_column(
    tmp_path: Path, name: str, row: str, message: str
) -> None:
    good = {
        LABEL: f'{CHAIN},{B},"two\nlines",s,',
        TOKEN: f"{CHAIN},{B},T,name,6,s,{AT}",
        PRICE: f"{CHAIN},{B},{AT},1,s,{AT}",
    }[name]
    path = write(tmp_path, name, good, "", row, good)
    line = path.read_text().splitlines().index(row) + 1
    with pytest.raises(ReferenceFileError, match=message) as raised:
        read(tmp_path)
    assert f"{path}, line {line}, column" in str(raised.value)
    assert raised.value.table == name


@pytest.mark.parametrize(
    ("name", "header", "message"),
    [
        pytest.param(LABEL, "chain,address,label", r"lacks \['source'\]", id="missing"),
        pytest.param(
            LABEL, "chain,address,label,source,asof", r"unknown.*\['asof'\]", id="misspelt"
        ),
        pytest.param(LABEL, "chain,address,label,source,source", "repeated", id="repeated"),
    ],
)
def test_columns_other_than_the_contracts_are_refused(
    tmp_path: Path, name: str, header: str, message: str
) -> None:
    write(tmp_path, name, header=header)
    with pytest.raises(ReferenceFileError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("entity_labels.csv", b"", id="empty CSV"),
        pytest.param("entity_labels.csv", b"chain,address\nx\n", id="ragged CSV"),
        pytest.param("entity_labels.csv", HEADERS[LABEL].encode() + b"\nx,\xff,x,x,\n", id="UTF-8"),
        pytest.param("token_prices.parquet", b"not Parquet", id="not Parquet"),
    ],
)
def test_what_is_not_a_file_of_its_kind_is_refused_by_name(
    tmp_path: Path, file: str, content: bytes
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ReferenceFileError, match=f"{file} cannot be read"):
        read(tmp_path)


def test_a_row_of_a_chain_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    rows = [f"{CHAIN},{A},x,s,", f"other,{A},x,s,", f"tetschain,{B},x,s,"]
    path = write(tmp_path, LABEL, *rows)
    known = (CHAIN, "other", "third")
    with pytest.raises(ReferenceFileError) as raised:
        read(tmp_path, known=known)
    assert str(raised.value) == (
        f"entity_labels: {path}, line 4, column chain: 'tetschain' is no chain of chains.toml, "
        "which has testchain, other, third. Correct the file"
    )
    assert len(read(tmp_path, known=(*known, "tetschain")).labels) == 1
    assert len(read(tmp_path).labels) == 1


def test_a_parquet_fault_names_the_row(tmp_path: Path) -> None:
    columns = {"chain": [CHAIN] * 2, "address": [A, A], "symbol": ["T", "T"]}
    table = pa.table({**columns, "decimals": [18, 300], "source": ["s", "s"]})
    pa.parquet.write_table(table, tmp_path / "token_metadata.parquet")
    with pytest.raises(ReferenceFileError, match=r"parquet, row 2, column decimals: '300'"):
        read(tmp_path)


def test_a_parquet_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    at = pa.array([datetime(2024, 1, 1)], pa.timestamp("us"))  # noqa: DTZ001
    columns = {"chain": [CHAIN], "token_address": [A], "price_at": at, "price_usd": [1.0]}
    table = pa.table({**columns, "source": ["s"]})
    pa.parquet.write_table(table, tmp_path / "token_prices.parquet")
    with pytest.raises(ReferenceFileError, match="column price_at"):
        read(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match="nowhere cannot be read"):
        read(tmp_path / "nowhere")


def test_a_file_of_another_name_and_a_second_file_of_one_table_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "entity_labels")
    (tmp_path / "readme.md").write_text("is no matter")
    assert len(read(tmp_path).labels) == 0
    (tmp_path / "entity_labels.parquet").touch()
    with pytest.raises(ReferenceFileError, match="has a twin"):
        read(tmp_path)
    (tmp_path / "entity_labels.parquet").rename(tmp_path / "labels.parquet")
    with pytest.raises(ReferenceFileError, match=r"labels\.parquet is none of the reference files"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("label", pa.array([b"\xff"]), id="text that is not UTF-8"),
        pytest.param("as_of", pa.array([1], pa.timestamp("ns", "UTC")), id="a nanosecond"),
        pytest.param("label", pa.array([[1]]), id="a list"),
    ],
)
def test_a_parquet_type_that_has_no_text_is_refused(
    tmp_path: Path, column: str, values: pa.Array
) -> None:
    good = {"chain": [CHAIN], "address": [A], "label": ["x"], "source": ["s"], "as_of": [None]}
    pa.parquet.write_table(pa.table({**good, column: values}), tmp_path / "entity_labels.parquet")
    with pytest.raises(ReferenceFileError, match=r"entity_labels\.parquet cannot be read"):
        read(tmp_path)
