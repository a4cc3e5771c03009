"""A person's own files that are wrong: ABIs, prices. An error that names the file, and no row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets_tests.fault_lab import Lab, open_lab


@pytest.fixture
def lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    with open_lab(tmp_path, monkeypatch, capsys) as lab:
        yield lab


@pytest.fixture
def own_files(lab: Lab, tmp_path: Path) -> Path:
    """A folder that both variables name; one kind of file in it at a time."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{ this is no JSON", id="no-json"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b'{"abi": 7}', id="no-abi"),
        pytest.param(b'[{"type": "event", "name": "E", "inputs": [{"type": "uint7"}]}]', id="type"),
    ],
)
def test_a_bad_abi_file(lab: Lab, own_files: Path, tmp_path: Path, content: bytes) -> None:
    lab.monkeypatch.setenv("CHAIN_ASSETS_ABIS", str(own_files))
    file = own_files / "Bad.json"
    file.write_bytes(content)
    error = lab.run()
    assert error.startswith("ReferenceFileError: ")
    assert str(file) in error
    lab.assert_nothing_visible()
    file.unlink()
    lab.assert_next_run_finishes(tmp_path / "clean")


_HEADER = b"chain,token_address,price_at,price_usd,source\n"


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        pytest.param(
            "token_prices.csv",
            _HEADER + b"node,,2025-06-15T00:00:00Z,1.5,me\nnode,,2025-06-15T01:00:00Z,dear,me\n",
            "line 3, column price_usd",
            id="no-price",
        ),
        pytest.param("token_prices.csv", _HEADER + b"node,1,2\n", "token_prices.csv", id="ragged"),
        pytest.param("token_prices.csv", b"a,b\n1,2\n", "lacks", id="other-columns"),
        pytest.param("token_prices.csv", b"", "token_prices.csv", id="empty"),
        pytest.param("token_prices.parquet", b"no Parquet", "token_prices.parquet", id="parquet"),
        pytest.param("prices.csv", _HEADER, "prices.csv", id="unknown-name"),
    ],
)
def test_an_unreadable_price_file(
    lab: Lab, own_files: Path, tmp_path: Path, name: str, content: bytes, place: str
) -> None:
    lab.monkeypatch.setenv("CHAIN_ASSETS_REFERENCE", str(own_files))
    (own_files / name).write_bytes(content)
    error = lab.run()
    assert error.startswith("ReferenceFileError: ")
    assert name in error
    assert place in error
    lab.assert_nothing_visible()
    (own_files / name).unlink()
    lab.assert_next_run_finishes(tmp_path / "clean")


def test_a_price_file_that_is_a_folder_or_a_dead_link(
    lab: Lab, own_files: Path, tmp_path: Path
) -> None:
    lab.monkeypatch.setenv("CHAIN_ASSETS_REFERENCE", str(own_files))
    file = own_files / "token_prices.csv"
    file.mkdir()
    assert lab.run().startswith("ReferenceFileError: ")
    file.rmdir()
    file.symlink_to(tmp_path / "nowhere")
    assert lab.run().startswith("ReferenceFileError: ")
    lab.assert_nothing_visible()


@pytest.mark.parametrize("variable", ["CHAIN_ASSETS_ABIS", "CHAIN_ASSETS_REFERENCE"])
def test_a_folder_that_is_not_there(lab: Lab, tmp_path: Path, variable: str) -> None:
    lab.monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    assert f"Correct {variable}" in lab.run()
    lab.assert_nothing_visible()
