"""A real node is followed: what happens on anvil arrives through sensor and runs in all layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from eth_utils.address import to_checksum_address

from chain_assets.config import load_settings
from chain_assets.core.schemas import TABLES
from chain_assets.definitions import build_definitions
from chain_assets_tests.anvil import Anvil, running_anvil, transactions_of_each_type
from chain_assets_tests.defs.lab import Site, lab_settings

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
# A token by hand: it emits Transfer(caller, first argument, second argument) and returns true.
#   calldata[36:68] → memory 0; LOG3(0, 32, TRANSFER, CALLER, calldata[4:36]); return 1
RUNTIME = bytes.fromhex(
    "602435600052"  # MSTORE(0, CALLDATALOAD(36))
    f"60043533{'7f' + TRANSFER}60206000a3"  # LOG3(0, 32, TRANSFER, CALLER, CALLDATALOAD(4))
    "600160005260206000f3"  # MSTORE(0, 1), RETURN(0, 32)
)
# Copies what stands behind these eleven bytes into memory and returns it: the contract's code.
CREATION = bytes([0x60, len(RUNTIME)]) + bytes.fromhex("80600b6000396000f3") + RUNTIME
AMOUNT = 1_234_567


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with running_anvil() as node:
        yield node


@pytest.fixture
def site(anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The chain `anvil` as it is shipped."""
    chain = load_settings({}).chain("anvil")
    monkeypatch.setenv("ANVIL_RPC_URL", anvil.url)
    settings = lab_settings(chain, tmp_path / "lake", "local")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Site(chain, settings, instance, build_definitions(settings))


def test_a_token_and_transactions_of_each_type_are_followed_to_enriched_rows(
    anvil: Anvil, site: Site
) -> None:
    site.follow()
    token = deploy(anvil)
    receiver = anvil.authority.address
    call = bytes.fromhex("a9059cbb") + bytes(12) + bytes.fromhex(receiver[2:])
    anvil.send({"to": token, "data": call + AMOUNT.to_bytes(32, "big")})
    anvil.mine()
    sent = {}
    for kind, transaction in transactions_of_each_type(anvil).items():
        sent[kind] = anvil.send(transaction)
        anvil.mine()

    assert len(site.follow()) == 1

    (moved,) = rows_of(site, "enriched_token_transfers")
    assert moved["token_address"].hex() == token[2:].lower()
    assert moved["to_address"].hex() == receiver[2:].lower()
    assert int.from_bytes(moved["value_raw"]) == AMOUNT
    assert moved["standard"] == "erc20"
    enriched = {row["hash"].hex(): row for row in rows_of(site, "enriched_transactions")}
    decoded = {row["hash"].hex(): row for row in rows_of(site, "decoded_transactions")}
    # The node hashes a type-3 transaction with its blobs into the block's root, where EIP-4844
    # has it without: that block cannot be proved, and is held back while the others go on.
    (held,) = [row for row in rows_of(site, "block_proofs") if row["level"] == "failed"]
    receipt = anvil.rpc("eth_getTransactionReceipt", sent.pop(3))
    assert held["number"] == int(receipt["blockNumber"], 16)
    assert held["reason"].startswith("transactions root differs")
    assert {kind: decoded[each[2:]]["type"] for kind, each in sent.items()} == {
        kind: kind for kind in (0, 1, 2, 4)
    }
    for each in sent.values():
        receipt = anvil.rpc("eth_getTransactionReceipt", each)
        gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        assert enriched[each[2:]]["fee"] == gas
    assert len(enriched) == len(decoded) == 6
    assert site.sensor_tick().skip_reason, "a held block is no reason to run again"


def test_a_reorg_of_the_node_is_taken_over(anvil: Anvil, site: Site) -> None:
    anvil.mine(6)
    site.follow()
    before = hashes(site)
    anvil.rpc("anvil_reorg", 2, [])

    assert len(site.follow()) == 1

    after = hashes(site)
    assert {n for n in before if before[n] != after[n]} == {5, 6}
    for number, found in after.items():
        assert "0x" + found.hex() == anvil.rpc("eth_getBlockByNumber", hex(number), False)["hash"]


def deploy(anvil: Anvil) -> str:
    """The address of a new token, in a block of its own."""
    sent = anvil.send({"to": "", "data": CREATION})
    anvil.mine()
    receipt = anvil.rpc("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert anvil.rpc("eth_getCode", receipt["contractAddress"], "latest") == "0x" + RUNTIME.hex()
    return to_checksum_address(receipt["contractAddress"])


def rows_of(site: Site, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = site.tables.read(TABLES[table], chain="anvil").to_pylist()
    return rows


def hashes(site: Site) -> dict[int, bytes]:
    return {row["number"]: row["hash"] for row in rows_of(site, "enriched_blocks")}
