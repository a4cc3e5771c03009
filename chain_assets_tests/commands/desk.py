"""A person at the command line, with a lake of the blocks of a node: mostly 25, 0 to 14 final."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_assets.ops.approvals import Approval
from chain_assets.ops.database import sqlite_url
from chain_assets.ops.store import OpsStore, open_store
from chain_assets.sources.devnet import Fault, FaultKind, Faults
from chain_assets_tests.command import Outcome
from chain_assets_tests.fault_lab import Lab, open_lab
from chain_assets_tests.lake_fixtures import assert_no_duplicates, assert_same, contents, read_all

_ON_A_NODE = ("run", "catch-up", "gaps", "refresh")


@dataclass(frozen=True)
class Desk:
    """Commands on one lake."""

    lab: Lab

    def __call__(self, name: str, *arguments: str, lake: Path | None = None) -> Outcome:
        """`chain-assets name …`, of the chain where the command takes one."""
        engine = ("--chain", "node", "--engine", "local") if name in _ON_A_NODE else ()
        return self.lab.call(name, *arguments, *engine, lake=lake)

    def strike(self, kind: FaultKind, *blocks: int) -> None:
        """Nothing else is wrong with the node from now on than this; without blocks nothing."""
        rules = (Fault(kind=kind, blocks=frozenset(blocks)),) if blocks else ()
        self.lab.devnet.faults = Faults(rules=rules)

    def heal(self) -> None:
        """Nothing is wrong with the node any more."""
        self.lab.devnet.faults = Faults()

    def enriched(self) -> list[int]:
        """The blocks of the last layer."""
        return sorted(read_all(self.lab.tables(), "enriched_blocks")["number"].to_pylist())

    @contextmanager
    def ops(self) -> Iterator[OpsStore]:
        """The ops store."""
        with open_store(sqlite_url(self.lab.lake / "ops.db")) as ops:
            yield ops

    def approval(self, state: str) -> Approval:
        """The one approval in that state."""
        with self.ops() as ops:
            (found,) = [a for a in ops.approvals.all() if a.state == state]
        return found

    def assert_complete(self, clean_lake: Path) -> None:
        """All is as in a lake where nothing ever went wrong."""
        head = self.lab.devnet.head
        arguments = ("--chain", "node", "--engine", "local", "--blocks", f"0-{head}")
        with open_store(sqlite_url(clean_lake / "ops.db")) as ops:
            # A clean lake asks nobody.
            asked = ops.approvals.request(
                "backfill", "node", f"0-{head}/{head + 1}", what="a clean lake", by="test"
            )
            ops.approvals.approve(asked.id, who="test", why="a clean lake")
        assert self.lab.call("run", *arguments, lake=clean_lake).code == 0
        mine = contents(self.lab.tables(), canonical_only=True)
        assert_same(mine, contents(self.lab.tables(clean_lake), canonical_only=True))
        assert_no_duplicates(self.lab.tables())


@contextmanager
def open_desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    blocks: int = 25,
    **keys: str,
) -> Iterator[Desk]:
    """A desk until the end of the block; `keys` are others of the chain in chains.toml."""
    own = {"finality": "10", "max_reorg_depth": "4", **keys}
    with open_lab(tmp_path, monkeypatch, capsys, blocks=blocks, finality=10, keys=own) as lab:
        yield Desk(lab)


def words(text: str) -> str:
    """What a table says, wherever its lines are broken."""
    return " ".join(re.sub(r"[─━╸│]", " ", text).split())


def assert_fits(outcome: Outcome) -> None:
    """Readable in a narrow terminal: no line is wider, and nothing is cut but what says so."""
    assert max(len(line) for line in outcome.out.splitlines()) <= 80
