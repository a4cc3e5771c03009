"""The command line: what it does, what it prints, and one line for what went wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.command import Command, Outcome, command
from chain_assets_tests.lake_fixtures import (
    assert_same,
    contents,
    live_files,
    read_all,
    s3_lake,
    secrets_of_s3,
)


@pytest.fixture
def chain_assets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def _tables(lake: Path) -> LakeTables:
    return LakeTables(Storage(str(lake)))


def _run(chain_assets: Command, blocks: str, lake: str | Path, *more: str | Path) -> Outcome:
    arguments = ("--chain", "devnet", "--blocks", blocks, "--lake", lake, "--engine", "local")
    return chain_assets("run", *arguments, *more)


def test_run_makes_all_layers_and_says_what_it_made(chain_assets: Command, tmp_path: Path) -> None:
    lake = tmp_path / "a new lake"
    outcome = _run(chain_assets, "95-104", lake)
    assert outcome.code == 0, outcome.err
    blocks = read_all(_tables(lake), "enriched_blocks").sort_by("number")
    assert blocks["number"].to_pylist() == list(range(95, 105))
    assert set(blocks["block_range"].to_pylist()) == {
        "000000000000-000000000099",
        "000000000100-000000000199",
    }
    transactions = read_all(_tables(lake), "decoded_transactions").num_rows
    lines = {line.split()[0]: line.split() for line in outcome.out.splitlines() if line.split()}
    assert lines["raw_blocks"][1] == "10"
    assert lines["decoded_transactions"][1] == f"{transactions:,}"
    assert "blocks/s" in outcome.out
    assert "10 blocks in " in outcome.out
    assert "…" not in outcome.out, "a figure is cut"
    assert "\x1b" not in outcome.out, "colours in a pipe"


def test_run_twice_changes_nothing_and_says_so(chain_assets: Command, tmp_path: Path) -> None:
    _run(chain_assets, "0-4", tmp_path)
    files = live_files(_tables(tmp_path))
    outcome = _run(chain_assets, "0-4", tmp_path)
    assert outcome.code == 0, outcome.err
    assert live_files(_tables(tmp_path)) == files
    assert outcome.out.count("nothing to do") == 3


def test_a_run_over_early_blocks_leaves_later_ones_as_they_are(
    chain_assets: Command, tmp_path: Path
) -> None:
    for blocks in ("700-702", "0-1"):
        assert _run(chain_assets, blocks, tmp_path).code == 0
    files = live_files(_tables(tmp_path))
    assert _run(chain_assets, "700-702", tmp_path).code == 0
    assert live_files(_tables(tmp_path)) == files


@pytest.mark.parametrize(
    ("blocks", "numbers"),
    [
        pytest.param("7", [7], id="one"),
        pytest.param("0-2", [0, 1, 2], id="a-span"),
        pytest.param("4,1-2, 98-101", [1, 2, 4, 98, 99, 100, 101], id="several"),
        pytest.param("3-5,4-6,1_0", [3, 4, 5, 6, 10], id="overlapping"),
    ],
)
def test_blocks_can_be_named_in_several_ways(
    chain_assets: Command, tmp_path: Path, blocks: str, numbers: list[int]
) -> None:
    outcome = _run(chain_assets, blocks, tmp_path)
    assert outcome.code == 0, outcome.err
    assert sorted(read_all(_tables(tmp_path), "decoded_blocks")["number"].to_pylist()) == numbers


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--chain", "devnet", "--blocks", "9-3"), "reversed", id="reversed"),
        pytest.param(("--chain", "devnet", "--blocks", "latest"), "'latest'", id="no-number"),
        pytest.param(("--chain", "devnet", "--blocks", ""), "not a span", id="empty"),
        pytest.param(("--chain", "devnet", "--blocks", "-5"), "not a span", id="negative"),
        pytest.param(("--chain", "nowhere", "--blocks", "1"), "Known: ethereum", id="no-chain"),
    ],
)
def test_a_wrong_value_of_an_option_is_one_line_and_the_exit_code_of_wrong_options(
    chain_assets: Command, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    outcome = chain_assets("run", *arguments, "--lake", tmp_path, "--engine", "local")
    assert words in outcome.misuse


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--chain", "base", "--blocks", "1"), "Set BASE_RPC_URL", id="no-url"),
        pytest.param(("--chain", "devnet", "--blocks", "1999-2000"), "block 2000", id="above-head"),
        pytest.param(
            ("--chain", "devnet", "--blocks", "1", "--recorded", "/nowhere/at/all"),
            "/nowhere/at/all is not a folder",
            id="no-folder",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    chain_assets: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    for name in ("BASE_RPC_URL", "BASE_RPC_URL_2"):
        monkeypatch.delenv(name, raising=False)
    outcome = chain_assets("run", *arguments, "--lake", tmp_path, "--engine", "local")
    assert words in outcome.error


def test_recorded_blocks_give_the_same_tables(chain_assets: Command, tmp_path: Path) -> None:
    folder, blocks = tmp_path / "recorded", "5-9,12"
    made = chain_assets("record", "--chain", "devnet", "--blocks", blocks, "--to", folder)
    assert made.code == 0, made.err
    assert len(list((folder / "devnet").rglob("*.json.gz"))) == 6
    assert _run(chain_assets, blocks, tmp_path / "one").code == 0
    recorded = _run(chain_assets, blocks, tmp_path / "other", "--recorded", folder)
    assert recorded.code == 0, recorded.err
    assert_same(contents(_tables(tmp_path / "one")), contents(_tables(tmp_path / "other")))
    beyond = _run(chain_assets, "9-12", tmp_path / "third", "--recorded", folder)
    assert beyond.code == 3, "blocks that the folder lacks are held"
    assert beyond.out.count("not recorded") == 2
    there = read_all(_tables(tmp_path / "third"), "enriched_blocks")["number"].to_pylist()
    assert sorted(there) == [9, 12]


def test_a_relative_lake_is_where_one_stands_on_both_engines(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHAIN_ASSETS")}
    for engine in ("local", "spark"):
        subprocess.run(
            [sys.executable, "-c", "from chain_assets.cli import main; main()", "run",
             "--chain", "devnet", "--blocks", "0-3", "--lake", f"my {engine} lake",
             "--engine", engine],
            cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    lakes = [_tables(tmp_path / f"my {engine} lake") for engine in ("local", "spark")]
    assert_same(contents(lakes[0]), contents(lakes[1]))
    assert read_all(lakes[0], "enriched_blocks").num_rows == 4


def test_spark_without_java_is_a_line_with_the_way_out(tmp_path: Path) -> None:
    environment = {**os.environ, "JAVA_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "from chain_assets.cli import main; main()", "run",
         "--chain", "devnet", "--blocks", "1", "--lake", str(tmp_path), "--engine", "spark"],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ConfigError: Spark does not start")
    assert "Install Java 17 or newer" in last


def test_run_and_sql_work_on_s3(chain_assets: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_lake() as storage:
        access_key, secret_key = secrets_of_s3()
        monkeypatch.setenv("AWS_ENDPOINT_URL", storage.s3.endpoint_url or "")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
        made = _run(chain_assets, "0-2", storage.uri)
        assert made.code == 0, made.err
        answer = chain_assets(
            "sql", "SELECT count(*) AS n FROM enriched_blocks", "--lake", storage.uri,
            "--format", "csv",
        )  # fmt: skip
        assert answer.out == '"n"\n3\n'


def test_devnet_serves_only_devnets(chain_assets: Command) -> None:
    assert "is no devnet" in chain_assets("devnet", "--chain", "ethereum").error


def test_the_installed_command_is_there() -> None:
    program = shutil.which("chain-assets", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("run", "record", "sql", "devnet", "demo"))
