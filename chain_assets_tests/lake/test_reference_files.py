"""Reference files: what is read from them, and which row replaces which."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from chain_assets.core.errors import ReferenceFileError
from chain_assets.lake.reference_files import read_reference, reference_from_rows
from chain_assets_tests.lake.reference_csv import AT, CHAIN, A, B, read, write


def test_a_chain_that_nothing_is_known_of_has_empty_tables_of_the_right_columns() -> None:
    for contract, table in read(None).named():
        assert table.schema == contract.file_schema
        assert len(table) == 0


@pytest.mark.parametrize("chain", ["ethereum", "base", "optimism", "arbitrum", "polygon"])
def test_known_labels_and_tokens_are_shipped_once_each_and_no_price(chain: str) -> None:
    shipped = read_reference(None, chain=chain)
    for table in (shipped.labels, shipped.tokens):
        addresses = table["address"].to_pylist()
        assert addresses
        assert len(set(addresses)) == len(addresses)
    assert "WETH" in shipped.tokens["symbol"].to_pylist()
    assert len(shipped.prices) == 0


def test_csv_text_becomes_the_values_of_the_tables(tmp_path: Path) -> None:
    write(tmp_path, "entity_labels", f'{CHAIN},{A},"Exchange, hot",list,')
    write(tmp_path, "token_metadata", f"{CHAIN},{A},NULL,,255,list,{AT}")
    write(tmp_path, "token_prices", f"{CHAIN},,2024-01-01T02:00:00.5+02:00,1.5e3,oracle,")
    known = read(tmp_path)
    address, at = bytes.fromhex(A[2:]), datetime(2024, 1, 1, tzinfo=UTC)
    labels, tokens, prices = (table.to_pylist()[0] for _, table in known.named())
    assert labels == {"address": address, "label": "Exchange, hot", "source": "list", "as_of": None}
    assert (tokens["symbol"], tokens["name"], tokens["decimals"]) == ("NULL", None, 255)
    assert tokens["as_of"] == at
    assert prices["token_address"] is None
    assert (prices["price_usd"], prices["price_at"]) == (1500.0, at.replace(microsecond=500_000))


def test_parquet_with_typed_columns_reads_as_the_csv_of_the_same_rows(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("csv", "text", "typed")]
    for folder in folders:
        folder.mkdir()
    write(folders[0], "token_prices", f"{CHAIN},{A},{AT},0.25,s,", f"{CHAIN},,{AT},3000,s,{AT}")
    at = datetime(2024, 1, 1, tzinfo=UTC)
    text = {
        "chain": [CHAIN, CHAIN],
        "token_address": [A, ""],
        "price_at": [AT, AT],
        "price_usd": ["0.25", "3000"],
        "source": ["s", "s"],
        "as_of": ["", AT],
    }
    typed = {
        "chain": pa.array([CHAIN, CHAIN]).dictionary_encode(),
        "token_address": pa.array([bytes.fromhex(A[2:]), None], pa.binary(20)),
        "price_at": pa.array([at, at], pa.timestamp("ns", "Europe/Paris")),
        "price_usd": pa.array([0.25, 3000.0]),
        "source": pa.array(["s", "s"], pa.large_string()),
        "as_of": pa.array([None, at], pa.timestamp("s", "UTC")),
    }
    pa.parquet.write_table(pa.table(text), folders[1] / "token_prices.parquet")
    pa.parquet.write_table(pa.table(typed), folders[2] / "token_prices.parquet")
    first, *others = [read(folder).prices.to_pylist() for folder in folders]
    assert others == [first, first]


def test_a_later_row_replaces_the_earlier_ones_of_its_key_and_no_others(tmp_path: Path) -> None:
    extra = reference_from_rows(
        [(CHAIN, A, "extra", "s", ""), (CHAIN, B, "extra", "s", "")],
        [],
        [(CHAIN, "", AT, "1", "s", ""), (CHAIN, A, AT, "1", "s", "")],
        chain=CHAIN,
        origin="extra",
    )
    write(tmp_path, "entity_labels", f"{CHAIN},{A.lower()},mine,s,")
    write(tmp_path, "token_prices", f"{CHAIN},,{AT},2,s,")
    known = read_reference(tmp_path, chain=CHAIN, extra=extra)
    assert sorted(known.labels["label"].to_pylist()) == ["extra", "mine"]
    prices = {row["token_address"]: row["price_usd"] for row in known.prices.to_pylist()}
    assert prices == {None: 2.0, bytes.fromhex(A[2:]): 1.0}


def test_a_persons_row_replaces_a_shipped_one(tmp_path: Path) -> None:
    weth = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
    write(tmp_path, "token_metadata", f"ethereum,{weth},MINE,,18,me,")
    tokens = read_reference(tmp_path, chain="ethereum").tokens.to_pylist()
    address = bytes.fromhex(weth[2:])
    assert [row["symbol"] for row in tokens if row["address"] == address] == ["MINE"]
    assert len(tokens) == len(read_reference(None, chain="ethereum").tokens)


def test_a_fault_in_another_chains_row_does_not_stop_this_chain(tmp_path: Path) -> None:
    write(tmp_path, "entity_labels", "other,nonsense,x,s,", f"{CHAIN},{A},mine,s,")
    assert read(tmp_path).labels["label"].to_pylist() == ["mine"]
    with pytest.raises(ReferenceFileError, match="line 2, column address: 'nonsense'"):
        read_reference(tmp_path, chain="other")


def test_generated_rows_pass_the_same_rules_and_their_origin_is_named() -> None:
    label = {"chain": CHAIN, "address": "0x12", "label": "x", "source": "s", "as_of": None}
    with pytest.raises(ReferenceFileError, match="made up, entity_labels row 1, column address"):
        reference_from_rows([label], [], [], chain=CHAIN, origin="made up")
    token = {"chain": CHAIN, "address": A, "symbol": "T", "decimals": 6, "source": "s"}
    known = reference_from_rows([], [token], [], chain=CHAIN, origin="made up")
    assert known.tokens["decimals"].to_pylist() == [6]
