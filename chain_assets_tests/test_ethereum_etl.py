"""What ethereum-etl prints for real blocks, column by column, against the decoded tables.

Its test data holds RPC answers and the CSV or JSON lines expected for them. What is the same in
other words stands in `ethereum_etl_columns.py`: how ours is put into theirs, and why they differ.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.decode import decode_tables
from chain_assets_tests.ethereum_etl_columns import (
    COLUMNS,
    KEYS,
    Row,
    Tables,
    csv_text,
    our_rows,
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def truth(real_blocks: Path) -> Path:
    folder = real_blocks.parent / "truth" / "ethereum-etl"
    if not folder.is_dir():
        reason = f"there is no {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def their_rows(path: Path) -> list[Row]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    if ".json" in path.name:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    csv.field_size_limit(1 << 24)  # The input of one transaction is longer than the default allows.
    return list(csv.DictReader(text.splitlines()))


def assert_same_rows(path: Path, tables: Tables) -> None:
    """Every row and column of `path`, an `expected_<name>.csv` or `.json`, perhaps with gzip."""
    name = path.name.split(".")[0].removeprefix("expected_")
    theirs, ours = their_rows(path), list(our_rows(name, tables))
    if ".csv" in path.name:
        ours = [{key: csv_text(value) for key, value in row.items()} for row in ours]
    keyed = [
        {tuple(str(row[k]) for k in KEYS[name]): row for row in rows} for rows in (theirs, ours)
    ]
    assert len(keyed[0]) == len(theirs)
    assert len(theirs) == len(ours), f"{path}: {len(theirs)} rows there, {len(ours)} here"
    assert keyed[0].keys() == keyed[1].keys(), path
    for key, row in keyed[0].items():
        assert row.keys() == COLUMNS[name].keys(), path
        for column, value in row.items():
            assert keyed[1][key][column] == value, f"{path}, row {key}, {column}"


def answers(folder: Path, method: str) -> list[Json]:
    """The results of the recorded RPC answers to `method`."""
    paths = sorted(folder.glob(f"web3_response.{method}_*.json"))
    return [json.loads(path.read_text())["result"] for path in paths]


def decoded(documents: list[Json]) -> Tables:
    payloads = [
        RawPayload(
            int(document["block"]["number"], 16),
            bytes.fromhex(document["block"]["hash"][2:]),
            json.dumps(document).encode(),
        )
        for document in documents
    ]
    tables = decode_blocks(payloads, chain="ethereum")
    assert not tables.refused
    blobs = [bytes(32)] * len(payloads)
    registry = standard_registry()
    return decode_tables(tables, registry=registry, version="test", raw_sha256=blobs)


@pytest.mark.parametrize(
    "case", ["block_with_logs", "block_without_transactions", "blocks_with_transactions"]
)
def test_blocks_and_transactions_agree(truth: Path, case: str) -> None:
    folder = truth / "test_export_blocks_job" / case
    blocks = answers(folder, "eth_getBlockByNumber")
    tables = decoded([{"block": block, "receipts": None} for block in blocks])
    assert tables["decoded_blocks"].num_rows == len(blocks) > 0
    assert_same_rows(folder / "expected_blocks.csv", tables)
    assert_same_rows(folder / "expected_transactions.csv", tables)


@pytest.fixture(scope="module")
def block_with_receipts(truth: Path) -> Tables:
    """Block 483920, whose block and receipts were recorded for two different tests of theirs."""
    (block,) = answers(truth / "test_export_blocks_job/block_with_logs", "eth_getBlockByNumber")
    receipts = answers(
        truth / "test_export_receipts_job/receipts_with_logs", "eth_getTransactionReceipt"
    )
    receipts.sort(key=lambda receipt: int(receipt["transactionIndex"], 16))
    return decoded([{"block": block, "receipts": receipts}])


@pytest.mark.parametrize("name", ["receipts.csv", "receipts.json", "logs.csv", "logs.json"])
def test_receipts_and_logs_agree(truth: Path, block_with_receipts: Tables, name: str) -> None:
    folder = truth / "test_export_receipts_job" / "receipts_with_logs"
    assert_same_rows(folder / f"expected_{name}", block_with_receipts)


def test_token_transfers_agree(truth: Path, block_with_receipts: Tables) -> None:
    folder = truth / "test_export_token_transfers_job" / "block_with_transfers"
    assert_same_rows(folder / "expected_token_transfers.csv", block_with_receipts)


# Their names of fields whose JSON-RPC name is more than the same in camel case.
RPC_NAMES = {"from_address": "from", "to_address": "to", "transaction_type": "type"}


def rpc_object(row: Row) -> Json:
    """A row of theirs as a node would answer it: camel case, quantities in hex."""
    answer = {}
    for name, value in row.items():
        first, *others = RPC_NAMES.get(name, name).split("_")
        key = first + "".join(word.capitalize() for word in others)
        answer[key] = hex(value) if isinstance(value, int) else value
    return answer


@pytest.fixture(scope="module")
def blocks_with_withdrawals(truth: Path) -> tuple[Path, Tables]:
    """Blocks 17173049 and 17173050, of which no answer was recorded: made from the JSON lines."""
    folder = truth / "test_export_blocks_job" / "blocks_with_transactions_and_withdrawals"
    transactions = their_rows(folder / "expected_transactions.json.gz")
    documents = []
    for row in their_rows(folder / "expected_blocks.json"):
        block = rpc_object(row) | {
            "withdrawals": [rpc_object(one) for one in row["withdrawals"]],
            "transactions": [
                rpc_object(one) for one in transactions if one["block_hash"] == row["hash"]
            ],
        }
        documents.append({"block": block, "receipts": None})
    return folder, decoded(documents)


@pytest.mark.parametrize(
    "name", ["blocks.csv", "blocks.json", "transactions.csv.gz", "transactions.json.gz"]
)
def test_blocks_with_withdrawals_agree(
    blocks_with_withdrawals: tuple[Path, Tables], name: str
) -> None:
    folder, tables = blocks_with_withdrawals
    assert tables["decoded_withdrawals"].num_rows == 32
    assert_same_rows(folder / f"expected_{name}", tables)


def test_every_expected_file_is_compared(truth: Path) -> None:
    names = [path.relative_to(truth).as_posix() for path in truth.glob("*/*/expected_*")]
    assert len(names) == 15
    assert {Path(name).name.split(".")[0].removeprefix("expected_") for name in names} == set(KEYS)
