"""A node, a lake, and the command between them, for tests of what goes wrong outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets.sources.devnet import Devnet, DevnetSpec, serve
from chain_assets_tests.command import Command, Outcome, command
from chain_assets_tests.lake_fixtures import (
    assert_no_duplicates,
    assert_same,
    contents,
    live_files,
    read_all,
)

_CHAIN = {
    "chain_id": "1337",
    "native_symbol": '"DEV"',
    "source": '"rpc"',
    "rpc_url_env": '["NODE_URL"]',
    "ranges": "[{ from = 0, size = 10 }]",
    "block_time_seconds": "12.0",
    "finality": "64",
    "max_reorg_depth": "64",
    "proof_rules": '"ethereum"',
}
_SECRET = "an-api-key-that-nobody-may-see"
_SIZES = {"000000000000-000000000009": 10, "000000000010-000000000019": 2}


@dataclass(frozen=True)
class Lab:
    """`chain-assets run` of the blocks 0 to 11 of a real node's chain into `lake`."""

    lake: Path
    devnet: Devnet
    url: str
    command: Command
    monkeypatch: pytest.MonkeyPatch

    def tables(self, lake: Path | None = None) -> LakeTables:
        """The lake's tables."""
        return LakeTables(Storage(str(lake or self.lake)))

    def run(self, lake: Path | None = None, *, url: str | None = None) -> str:
        """One run. Gives the error, or "" where there was none."""
        outcome = self.outcome(lake, url=url)
        return outcome.error if outcome.code else ""

    def outcome(self, lake: Path | None = None, *, url: str | None = None) -> Outcome:
        """One run: what it printed, and its exit code."""
        arguments = ("--chain", "node", "--blocks", "0-11", "--engine", "local")
        return self.call("run", *arguments, lake=lake, url=url)

    def call(self, *arguments: str, lake: Path | None = None, url: str | None = None) -> Outcome:
        """Any command on the lake."""
        self.monkeypatch.setenv("NODE_URL", f"{url or self.url}/{_SECRET}")
        outcome = self.command(*arguments, "--lake", lake or self.lake)
        assert _SECRET not in outcome.out + outcome.err
        return outcome

    def assert_nothing_visible(self) -> None:
        """No table has a row, no table a live file."""
        assert not any(live_files(self.tables()).values())

    def assert_ranges_are_whole(self, lake: Path | None = None) -> None:
        """A range is in a layer's block table with all its blocks, or not at all."""
        for name in ("raw_blocks", "decoded_blocks", "enriched_blocks"):
            keys = read_all(self.tables(lake), name)["block_range"].to_pylist()
            assert all(keys.count(key) in (0, size) for key, size in _SIZES.items()), name

    def assert_next_run_finishes(self, clean_lake: Path, lake: Path | None = None) -> None:
        """The next run ends with the tables of a lake where nothing ever went wrong."""
        assert self.run(lake) == ""
        assert self.run(clean_lake) == ""
        assert_same(contents(self.tables(lake)), contents(self.tables(clean_lake)))
        assert_no_duplicates(self.tables(lake))


@contextmanager
def open_lab(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    blocks: int = 12,
    finality: int = 0,
    keys: Mapping[str, str] | None = None,
) -> Iterator[Lab]:
    """A lab whose node listens until the end of the block; `keys` are others of its chain."""
    run = command(monkeypatch, capsys)
    lines = [f"{key} = {value}" for key, value in {**_CHAIN, **(keys or {})}.items()]
    (tmp_path / "chains.toml").write_text("\n".join(["[chains.node]", *lines]))
    monkeypatch.setenv("CHAIN_ASSETS_CHAINS", str(tmp_path / "chains.toml"))
    devnet = Devnet(DevnetSpec(blocks=blocks, transactions_per_block=3, finality_depth=finality))
    with serve(devnet, port=0) as url:
        yield Lab(tmp_path / "lake", devnet, url, run, monkeypatch)
