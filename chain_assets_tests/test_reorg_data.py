"""Reorgs that really happened: mainnet's first uncles, and the two sides of the DAO fork.

An uncle is a block that some nodes had for canonical until they saw its sibling's child.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain_assets.config import load_settings
from chain_assets.core.block_range import BlockRange
from chain_assets.core.errors import BlockNotFound
from chain_assets.core.proofs import rules_for
from chain_assets.core.reorgs import changes_between, first_orphan, linked_spans, replay
from chain_assets.core.schemas import BLOCK_CHANGES, REORGS
from chain_assets.engine.local import LocalEngine
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.layers.pipeline import Parts, Writer, run_blocks
from chain_assets.layers.report import no_progress
from chain_assets.sources.protocol import Header, RawBlock, raw_block
from chain_assets.sources.recording import read_raw_block
from chain_assets_tests.core.proof_cases import prove
from chain_assets_tests.lake_fixtures import (
    assert_no_duplicates,
    assert_same,
    contents,
    ops_store,
    read_all,
    registry,
)
from chain_assets_tests.tools import missing_tool

CHAIN = replace(load_settings({}).chain("ethereum"), finality=1_000)
DAO = 1_920_000
_FIRST = {1: "88e96d45", 2: "b495a1d7", 3: "3d612266", 4: "23adf5a3", 5: "f37c632d"}
_DAO_SIDES = {"ethereum": "4985f5ca", "ethereum-classic": "94365e3a"}


@pytest.fixture(scope="module")
def uncles(real_blocks: Path) -> list[dict[str, Any]]:
    """The headers of 1,972 uncles below block 16,384, and their siblings' hashes."""
    folder = real_blocks.parent / "reorg"
    if not folder.is_dir():
        missing_tool("real uncles", f"there is no folder {folder}")
    with gzip.open(folder / "uncles_mainnet_0_16383.csv.gz", "rt") as file:
        siblings = {row["uncle_hash"]: row for row in csv.DictReader(file)}
    with gzip.open(folder / "uncle_headers_mainnet_0_16383.jsonl.gz", "rt") as file:
        headers = [json.loads(line) for line in file]
    return [{"header": header, **siblings[header["hash"]]} for header in headers]


class Node:
    """A node that has these blocks and no others."""

    def __init__(self, blocks: Sequence[RawBlock]) -> None:
        self._blocks = {block.header.number: block for block in blocks}

    def head(self) -> Header:
        return self._blocks[max(self._blocks)].header

    def finalized(self) -> Header | None:
        return None

    def header(self, number: int) -> Header:
        return self._block(number).header

    def blocks(self, numbers: Sequence[int]) -> Iterator[RawBlock]:
        yield from map(self._block, numbers)

    def _block(self, number: int) -> RawBlock:
        if number not in self._blocks:
            raise BlockNotFound("this node does not have it", chain=CHAIN.name, block=number)
        return self._blocks[number]


def _run(lake: Path, blocks: Sequence[RawBlock]) -> LakeTables:
    """The lake after a run over all that a node with `blocks` has."""
    tables = LakeTables(Storage(str(lake)))
    node, first = Node(blocks), min(block.header.number for block in blocks)
    writer = Writer(tables, ops_store(str(lake)), run_id="test")
    spans = [BlockRange(first, node.head().number + 1)]
    parts = Parts(node, writer, LocalEngine(1), registry())
    run_blocks(CHAIN, spans, parts, progress=lambda layer: no_progress)
    return tables


def _real(real_blocks: Path, chain: str, kind: str, name: str) -> RawBlock:
    path = real_blocks / chain / kind / f"{name}.json.gz"
    return read_raw_block(path, chain=CHAIN.name, source="test")[1]


def _uncle(header: dict[str, Any]) -> RawBlock:
    """The uncle as a block: none of them holds a transaction."""
    block = {name: value for name, value in header.items() if name != "includedInBlock"}
    return raw_block(block, [], chain=CHAIN.name, source="test")


def _assert_followed(lake: Path, clean: Path, sides: Sequence[Sequence[RawBlock]]) -> None:
    """One side after the other is taken for canonical; in the end all tables are the last one's."""
    for number, side in enumerate(sides):
        tables = _run(lake, side)
        changes = sorted(
            read_all(tables, BLOCK_CHANGES.name).to_pylist(), key=lambda row: row["sequence"]
        )
        held = replay(((row["number"], row["hash"]), row["change"]) for row in changes)
        assert held == {(block.header.number, block.header.hash) for block in side}
        assert read_all(tables, REORGS.name)["depth"].to_pylist() == [1] * number
    clean_tables = _run(clean, sides[-1])
    assert_same(contents(tables, canonical_only=True), contents(clean_tables))
    assert_no_duplicates(tables)


def test_each_of_mainnets_first_uncles_gives_way_to_its_sibling(
    real_blocks: Path, uncles: list[dict[str, Any]], tmp_path: Path
) -> None:
    chain = [
        _real(real_blocks, "ethereum", "blocks", f"{number}-{digits}")
        for number, digits in _FIRST.items()
    ]
    first = [uncle["header"] for uncle in uncles if uncle["height"] == "1"]
    assert len(first) == 3
    for number, header in enumerate(first):
        sides = [[_uncle(header)], chain]
        _assert_followed(tmp_path / f"lake-{number}", tmp_path / f"clean-{number}", sides)


def test_the_dao_fork_is_followed_from_either_side_to_the_other_and_back(
    real_blocks: Path, tmp_path: Path
) -> None:
    pro, contra = (
        [_real(real_blocks, chain, "blocks-txonly", f"{DAO}-{digits}")]
        for chain, digits in _DAO_SIDES.items()
    )
    _assert_followed(tmp_path / "lake", tmp_path / "clean", [pro, contra, pro, contra])
    _assert_followed(tmp_path / "other", tmp_path / "also-clean", [contra, pro])


def test_every_uncle_is_found_out_by_its_siblings_hash(uncles: list[dict[str, Any]]) -> None:
    for uncle in uncles:
        number = int(uncle["height"])
        header = _uncle(uncle["header"]).header
        block_hash, parent = header.hash, header.parent_hash
        assert parent.hex() == uncle["common_parent"][2:]
        (span,) = linked_spans({number - 1: (parent, bytes(32)), number: (block_hash, parent)})
        sibling = bytes.fromhex(uncle["canonical_hash"][2:])
        chain = {number - 1: parent, number: sibling}
        stored = {number - 1: parent, number: block_hash}
        assert first_orphan(span, lambda n: stored[n] == chain[n]) == number  # noqa: B023
        changes = changes_between(list(stored.items()), list(chain.items()))
        assert list(changes.steps()) == [
            ((number, block_hash), -1),
            ((number, sibling), 1),
        ]


def test_an_uncle_is_a_block_that_proves_itself(uncles: list[dict[str, Any]]) -> None:
    """It was valid, on another chain: nothing but its links tells it apart."""
    by_number = {uncle["height"]: _uncle(uncle["header"]) for uncle in uncles[::8]}
    documents = [json.loads(block.payload) for block in by_number.values()]
    proofs = prove(documents, rules_for(CHAIN.proof_rules, CHAIN.chain_id))
    assert len(proofs) > 200
    assert {proof["block_hash_ok"] for proof in proofs} == {True}
    assert {proof["level"] for proof in proofs} == {"full"}
