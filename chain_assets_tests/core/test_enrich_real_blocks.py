"""What real blocks burned and paid, in wei: facts of the chains, summed from their receipts."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from chain_assets.core.abi.registry import standard_registry
from chain_assets.core.block_json import RawPayload, decode_blocks
from chain_assets.core.decode import decode_tables
from chain_assets.core.enrich import DecodedRows, decoded_columns, enrich
from chain_assets.core.schemas import TABLES
from chain_assets.core.schemas.abi import CALLS
from chain_assets.core.schemas.abi import TOKEN_TRANSFERS as TRANSFERS
from chain_assets.core.schemas.decoded import BLOCKS, TRANSACTIONS
from chain_assets_tests.core.enrich_rows import reference


@dataclass(frozen=True)
class Fact:
    chain: str
    file: str
    burned: int | None
    priority: int
    fees: int
    transfers: int


LONDON = Fact(
    chain="ethereum",
    file="17686110-310a2806",
    burned=48_160_944_901 * 16_049_335,  # base fee times gas used
    priority=35_415_556_366_694_594,
    fees=808_366_694_999_385_429,
    transfers=197,
)
FRONTIER = Fact(
    chain="ethereum",
    file="4000000-b8a3f7f5",
    burned=None,
    priority=80_541_147_548_670_819,
    fees=80_541_147_548_670_819,
    transfers=18,
)
# Its deposit uses gas that nobody pays for here: fees are less than what is burned and paid.
BEDROCK = Fact(
    chain="optimism",
    file="107353722-f05ccf16",
    burned=3_399_988 * 5_046_850,
    priority=432_663_598_930_206,
    fees=449_651_125_574_018,
    transfers=22,
)


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param(LONDON, id="after London"),
        pytest.param(FRONTIER, id="before London all fees are the miner's"),
        pytest.param(BEDROCK, id="an OP Stack block with its deposit"),
    ],
)
def test_a_real_block_burns_pays_and_moves_what_it_did(real_blocks: Path, fact: Fact) -> None:
    tables = enriched_file(real_blocks / fact.chain / "blocks" / f"{fact.file}.json.gz", fact.chain)
    (row,) = tables["enriched_blocks"].to_pylist()
    assert (row["burned_wei"], row["priority_fees_wei"]) == (fact.burned, fact.priority)
    assert row["token_transfer_count"] == fact.transfers
    assert sum(map(int, tables["enriched_transactions"]["fee"].to_pylist())) == fact.fees


def enriched_file(path: Path, chain: str) -> dict[str, pa.Table]:
    """The enriched tables of one block file, without reference rows."""
    document = json.loads(gzip.decompress(path.read_bytes()))
    block = document["block"]
    stored = json.dumps({"block": block, "receipts": document["receipts"]}).encode()
    payload = RawPayload(int(block["number"], 16), bytes.fromhex(block["hash"][2:]), stored)
    tables = decode_tables(
        decode_blocks([payload], chain=chain),
        registry=standard_registry(),
        version="d",
        raw_sha256=[bytes(32)],
    )
    whole = {table.name: tables[table.name] for table in (BLOCKS, TRANSACTIONS, CALLS, TRANSFERS)}
    narrow = {name: rows.select(decoded_columns(TABLES[name])) for name, rows in whole.items()}
    enriched, same = (
        enrich(
            DecodedRows(
                blocks=rows[BLOCKS.name],
                transactions=rows[TRANSACTIONS.name],
                calls=rows[CALLS.name],
                token_transfers=rows[TRANSFERS.name],
            ),
            reference(),
            native_decimals=18,
            max_price_age=3600,
        )
        for rows in (narrow, whole)
    )
    assert enriched == same
    return enriched
