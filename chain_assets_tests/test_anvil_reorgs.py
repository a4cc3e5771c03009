"""A real node is reorganized: after the next run the lake is that of its chain as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chain_assets.config import load_settings
from chain_assets.core.block_range import BlockRange
from chain_assets.core.reorgs import replay
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Parts, Writer, run_blocks
from chain_assets.layers.report import no_progress
from chain_assets.sources.rpc.source import RpcSource
from chain_assets_tests.anvil import CHAIN_ID, Anvil, running_anvil
from chain_assets_tests.lake_fixtures import (
    assert_no_duplicates,
    assert_same,
    contents,
    ops_store,
    read_all,
    registry,
)

CHAIN = load_settings({}).chain("anvil")
DEPTHS = range(1, 21)


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A node with 24 blocks, each with a transfer."""
    with running_anvil() as node:
        for value in range(1, 25):
            node.send({"value": value})
            node.mine()
        yield node


def test_reorgs_by_1_to_20_blocks_are_followed_one_after_the_other(
    anvil: Anvil, tmp_path: Path
) -> None:
    tables = _run(anvil, tmp_path / "lake")
    for depth in DEPTHS:
        sent = {"from": anvil.account.address, "to": anvil.authority.address, "value": hex(depth)}
        before = _hashes(anvil)
        anvil.rpc("anvil_reorg", depth, [[sent, 0]])
        assert _replaced(before, _hashes(anvil)) == depth
        _run(anvil, tmp_path / "lake")
        assert _canonical(tables) == _hashes(anvil)
    clean = _run(anvil, tmp_path / "clean")
    assert_same(
        contents(tables, canonical_only=True),
        contents(clean),
    )
    assert_no_duplicates(tables)
    changes = sorted(
        read_all(tables, BLOCK_CHANGES.name).to_pylist(), key=lambda row: row["sequence"]
    )
    assert [row["sequence"] for row in changes] == list(range(1, len(changes) + 1))
    held = replay(((row["number"], row["hash"]), row["change"]) for row in changes)
    assert dict(held) == _hashes(anvil)
    reorgs = sorted(read_all(tables, REORGS.name).to_pylist(), key=lambda row: row["found_at"])
    assert [row["depth"] for row in reorgs] == list(DEPTHS)
    assert {row["transactions_added"] for row in reorgs} == {1}


def _run(node: Anvil, lake: Path) -> LakeTables:
    tables = LakeTables(Storage(str(lake)))
    with closing(RpcSource(CHAIN.name, CHAIN_ID, [node.url])) as source:
        writer = Writer(tables, ops_store(str(lake)), run_id="test")
        parts = Parts(source, writer, LocalEngine(1), registry())
        spans = [BlockRange(0, source.head().number + 1)]
        run_blocks(CHAIN, spans, parts, progress=lambda layer: no_progress)
    return tables


def _hashes(node: Anvil) -> dict[int, bytes]:
    """The node's chain, by number."""
    head = int(node.rpc("eth_blockNumber"), 16)
    blocks = (node.rpc("eth_getBlockByNumber", hex(number), False) for number in range(head + 1))
    return {int(block["number"], 16): bytes.fromhex(block["hash"][2:]) for block in blocks}


def _canonical(tables: LakeTables) -> dict[int, bytes]:
    rows = read_all(tables, "enriched_blocks").to_pylist()
    return {row["number"]: row["hash"] for row in rows}


def _replaced(before: dict[int, bytes], after: dict[int, bytes]) -> int:
    return sum(after.get(number) != block_hash for number, block_hash in before.items())
