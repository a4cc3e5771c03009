"""`chain-assets catch-up`, as a process that is killed, and what it says."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chain_assets.sources.devnet import Devnet, DevnetSpec, serve
from chain_assets_tests.command import Command, command
from chain_assets_tests.commands.desk import Desk, open_desk, words
from chain_assets_tests.lake_fixtures import (
    Pipeline,
    assert_no_duplicates,
    assert_same,
    contents,
    small_chain,
)

# The command, but with leases that run out after a second: those of a process that was killed
# keep the next one waiting for so long.
_PROGRAM = """
import sys
from chain_assets import assembly, cli
from chain_assets.ops.migrate import open_database
from chain_assets.ops.store import OpsStore

def open_store(url, *, clock):
    return OpsStore(open_database(url), actor="catch-up", clock=clock, lease_seconds=1.0)

assembly.open_store = open_store
sys.argv[0] = "chain-assets"
cli.main()
"""
_BLOCKS = 45


def test_it_says_what_was_done_and_how_long_the_rest_takes(desk: Desk) -> None:
    outcome = desk("catch-up")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("000000000020-000000000029: 5 blocks; 2 ranges left, some 0:")
    assert lines[1].startswith("000000000010-000000000019: 10 blocks; 1 range left, some 0:")
    assert lines[2] == "000000000000-000000000009: 10 blocks; 0 ranges left"
    assert desk("catch-up").out == "nothing is behind\n"


def test_what_is_left_is_told_and_is_the_exit_code(desk: Desk, tmp_path: Path) -> None:
    desk.strike("null_block", 3)
    some = desk("catch-up", "--ranges", "1")
    assert some.code == 3
    assert "node 5 of 25 blocks 2 ranges left" in words(some.out)
    rest = desk("catch-up")
    assert rest.code == 3
    assert "000000000000-000000000009: 9 blocks, 1 held" in rest.out
    assert "1 block is held: chain-assets holds list --chain node" in rest.out
    assert desk("catch-up").out.startswith("nothing is behind")
    desk.heal()
    desk("holds", "retry", "--chain", "node", "--blocks", "3")
    assert desk("catch-up").code == 0
    desk.assert_complete(tmp_path / "clean")


def test_a_reorg_to_the_same_height_is_news(desk: Desk, tmp_path: Path) -> None:
    desk("catch-up")
    desk.lab.devnet.reorg(3, 3)
    assert desk("catch-up").out.startswith("000000000020-000000000029: 3 blocks; 0 ranges left")
    desk.assert_complete(tmp_path / "clean")


def test_a_budget_ends_it_and_the_next_call_goes_on(desk: Desk, tmp_path: Path) -> None:
    assert "Invalid value for '--requests'" in desk("catch-up", "--requests", "5").err
    first = desk("catch-up", "--requests", "100", "--chunk-blocks", "4")
    assert first.code in (0, 3)
    while first.code == 3:
        assert "of 100 requests are spent. Run it again" in first.out
        first = desk("catch-up", "--requests", "100", "--chunk-blocks", "4")
    desk.assert_complete(tmp_path / "clean")


def test_the_rate_is_kept(desk: Desk) -> None:
    started = time.monotonic()
    assert desk("catch-up", "--requests-per-second", "20", "--ranges", "1").code == 3
    # Five blocks are ten requests, and heads beside.
    assert time.monotonic() - started > 0.5


def test_the_rate_of_the_chain_holds_for_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_desk(tmp_path, monkeypatch, capsys, requests_per_second="20") as slow:
        started = time.monotonic()
        assert slow("run", "--blocks", "0-9").code == 0
        # Ten blocks are twenty requests, and heads and headers beside.
        assert time.monotonic() - started > 0.95
        with slow.ops() as ops:
            # As another process does that asks the same node for twenty blocks.
            ops.rates.take("node", 40, per_second=20.0)
        started = time.monotonic()
        assert slow("catch-up", "--ranges", "1").code == 3
        assert time.monotonic() - started > 1.9


def test_the_first_plan_of_a_long_chain_comes_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An empty lake, block 0, twenty million blocks to the head."""
    run: Command = command(monkeypatch, capsys)
    # The node knows its last twenty blocks only: no other is to be asked for by the plan.
    spec = DevnetSpec(first_block=19_999_985, blocks=20, transactions_per_block=1)
    _write_chain(
        tmp_path,
        monkeypatch,
        'source = "rpc"\nrpc_url_env = ["LONG_URL"]',
        "ranges = [{ from = 0, size = 5000 }]",
        "approve_backfill_above = 1000000",
    )
    with serve(Devnet(spec), port=0) as url:
        monkeypatch.setenv("LONG_URL", url)
        arguments = ("--chain", "devnet", "--lake", tmp_path / "lake", "--engine", "local")
        started = time.process_time()
        assert (
            "a backfill of 20,000,005 blocks from 0 to 20004999"
            in run("catch-up", *arguments).error
        )
        head = run("catch-up", *arguments, "--ranges", "1")
        assert time.process_time() - started < 20
    assert head.code == 3
    assert head.out.startswith("000020000000-000020004999: 5 blocks; 4,000 ranges left, some ")


def _write_chain(folder: Path, monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    common = """
        [chains.devnet]
        chain_id = 1337
        native_symbol = "DEV"
        block_time_seconds = 12.0
        finality = 10
        max_reorg_depth = 64
        proof_rules = "ethereum"
        """
    (folder / "chains.toml").write_text("\n".join([common, *keys]))
    monkeypatch.setenv("CHAIN_ASSETS_CHAINS", str(folder / "chains.toml"))


def _process(lake: Path) -> subprocess.Popen[str]:
    arguments = ["catch-up", "--chain", "devnet", "--lake", str(lake), "--engine", "local"]
    return subprocess.Popen(
        [sys.executable, "-u", "-c", _PROGRAM, *arguments, "--chunk-blocks", "4"],
        env={k: v for k, v in os.environ.items() if k != "CHAIN_ASSETS_LAKE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_any_moment_it_goes_on_and_ends_as_if_it_never_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Pipeline.on_devnet(tmp_path / "clean", chain=small_chain(blocks=_BLOCKS))
    clean.run(0, _BLOCKS - 1)
    _write_chain(
        tmp_path,
        monkeypatch,
        'source = "devnet"',
        "ranges = [{ from = 0, size = 10 }]",
        f"devnet = {{ seed = 7, blocks = {_BLOCKS}, transactions_per_block = 3 }}",
    )
    seed = random.randrange(2**32)
    draws, lake = random.Random(seed), tmp_path / "lake"
    for _ in range(4):
        running = _process(lake)
        # Not before it writes: of what dies while Python starts nothing is learnt.
        deadline = time.monotonic() + 60
        while not (lake / "raw").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(draws.uniform(0.0, 4.0))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
    last = _process(lake)
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, f"seed {seed}: {out}{err}"
    again = _process(lake)
    assert again.communicate(timeout=60)[0] == "nothing is behind\n"
    lake_now = clean.into(lake).tables
    assert_same(contents(lake_now), contents(clean.tables))
    assert_no_duplicates(lake_now)
