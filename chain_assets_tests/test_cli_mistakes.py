"""The command line: mistakes of a person, each one line and an exit code of 1, or of 2 where an
option is wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from chain_assets_tests.command import Command, command


@pytest.fixture
def chain_assets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("lake", "words"),
    [
        pytest.param("/proc/nowhere/lake", "cannot be", id="a place where nothing can be made"),
        pytest.param("/dev/null/lake", "cannot be", id="a file"),
        pytest.param("a%20b", "'%20' in the lake's path", id="a percent sign and two digits"),
        pytest.param("gs://bucket", "gs:// is not supported", id="another store"),
    ],
)
def test_a_lake_that_cannot_be_written_is_one_line(
    chain_assets: Command, lake: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = chain_assets(
        "run", "--chain", "devnet", "--blocks", "1", "--lake", lake, "--engine", "local"
    )
    assert words in outcome.error


def test_sql_on_a_lake_that_is_not_there_says_so(chain_assets: Command, tmp_path: Path) -> None:
    outcome = chain_assets("sql", "SELECT 1", "--lake", tmp_path / "none")
    assert f"there is no table in the lake {tmp_path / 'none'}" in outcome.error
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["run", "record"])
@pytest.mark.parametrize("blocks", ["0-999999999999", "5-6,10-1000009"])
def test_more_blocks_than_one_command_can_keep_in_mind_are_refused(
    chain_assets: Command, tmp_path: Path, name: str, blocks: str
) -> None:
    where = {"run": "--lake", "record": "--to"}[name]
    outcome = chain_assets(name, "--chain", "devnet", "--blocks", blocks, where, tmp_path)
    assert "--blocks names" in outcome.misuse
    assert "at most 1,000,000 at a time" in outcome.misuse


def test_a_port_that_is_taken_is_one_line(chain_assets: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = chain_assets("devnet", "--port", str(port))
    assert f"port {port} cannot be used (Address already in use)" in outcome.error


@pytest.mark.parametrize("port", ["65536", "-1"])
def test_a_port_that_is_none_is_one_line(chain_assets: Command, port: str) -> None:
    assert f"port {port} cannot be used" in chain_assets("devnet", "--port", port).error


@pytest.mark.parametrize("command", ["run", "catch-up", "gaps", "holds list", "approvals list"])
def test_a_chain_that_nobody_knows_is_a_wrong_option(chain_assets: Command, command: str) -> None:
    arguments = [*command.split(), "--chain", "etherium"]
    if command == "run":
        arguments += ["--blocks", "1"]
    assert "there is no chain 'etherium'. Known: ethereum, " in chain_assets(*arguments).misuse
