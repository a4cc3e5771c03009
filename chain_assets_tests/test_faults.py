"""What goes wrong outside: a clear error, no half-written range, and the next run finishes.

Each fault is real (a server, a full disk, a damaged file) and is met through the command line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES
from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables, read_all
from chain_assets.sources.devnet import Devnet, DevnetSpec, Fault, Faults, serve
from chain_assets_tests.command import Command, command
from chain_assets_tests.lake_fixtures import (
    assert_no_duplicates,
    assert_same,
    contents,
    fill_disk,
    live_files,
    small_disk,
)

_CHAIN = """
[chains.node]
chain_id = 1337
native_symbol = "DEV"
source = "rpc"
rpc_url_env = ["NODE_URL"]
ranges = [{ from = 0, size = 10 }]
block_time_seconds = 12.0
finality = 64
max_reorg_depth = 64
proof_rules = "ethereum"
"""
_SECRET = "an-api-key-that-nobody-may-see"
_LAST = 11


@pytest.fixture
def chain_assets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


@pytest.fixture
def run(
    chain_assets: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Blocks 0 to 11 of the chain `node` from a URL into a lake; gives the error, or ""."""
    (tmp_path / "chains.toml").write_text(_CHAIN)
    monkeypatch.setenv("CHAIN_ASSETS_CHAINS", str(tmp_path / "chains.toml"))

    def run(url: str, lake: Path) -> str:
        monkeypatch.setenv("NODE_URL", f"{url}/{_SECRET}")
        outcome = chain_assets(
            "run", "--chain", "node", "--blocks", f"0-{_LAST}", "--lake", lake, "--engine", "local"
        )
        assert _SECRET not in outcome.out + outcome.err
        return outcome.error if outcome.code else ""

    return run


@pytest.fixture(scope="module")
def node() -> Iterator[tuple[Devnet, str]]:
    devnet = Devnet(DevnetSpec(blocks=_LAST + 1, transactions_per_block=3))
    with serve(devnet, port=0) as url:
        yield devnet, url


@pytest.fixture
def clean(run: Callable[..., str], node: tuple[Devnet, str], tmp_path: Path) -> LakeTables:
    """The lake as it is when nothing goes wrong."""
    assert run(node[1], tmp_path / "clean") == ""
    return LakeTables(Storage(str(tmp_path / "clean")))


def _tables(lake: Path) -> LakeTables:
    return LakeTables(Storage(str(lake)))


def _assert_healed(lake: Path, clean: LakeTables) -> None:
    assert_same(contents(_tables(lake)), contents(clean))
    assert_no_duplicates(_tables(lake))


def _assert_ranges_are_whole(lake: Path) -> None:
    """A range is in raw_blocks with all its blocks, or not at all; so in the other layers."""
    for name in ("raw_blocks", "decoded_blocks", "enriched_blocks"):
        rows = read_all(_tables(lake), name)
        for key, size in (("000000000000-000000000009", 10), ("000000000010-000000000019", 2)):
            assert rows["block_range"].to_pylist().count(key) in (0, size), name


@contextmanager
def _server(answer: bytes) -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"<html>Bad gateway</html>", id="html"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":[[[', id="truncated"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":"0xzz"}', id="no-number"),
    ],
)
def test_a_node_that_answers_garbage(
    run: Callable[..., str],
    node: tuple[Devnet, str],
    clean: LakeTables,
    tmp_path: Path,
    answer: bytes,
) -> None:
    lake = tmp_path / "lake"
    with _server(answer) as url:
        error = run(url, lake)
    assert "node" in error
    assert read_all(_tables(lake), "raw_blocks").num_rows == 0
    assert run(node[1], lake) == ""
    _assert_healed(lake, clean)


def test_a_node_that_answers_garbage_for_one_block(
    run: Callable[..., str], node: tuple[Devnet, str], clean: LakeTables, tmp_path: Path
) -> None:
    devnet, url = node
    lake = tmp_path / "lake"
    devnet.faults = Faults(rules=(Fault(kind="foreign_receipts", blocks=frozenset({11})),))
    try:
        error = run(url, lake)
    finally:
        devnet.faults = Faults()
    assert "node, block 11" in error
    _assert_ranges_are_whole(lake)
    assert run(url, lake) == ""
    _assert_healed(lake, clean)


def test_a_node_where_nothing_listens(
    run: Callable[..., str], node: tuple[Devnet, str], clean: LakeTables, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    error = run("http://127.0.0.1:9", lake)
    assert error.startswith("SourceUnavailable: node")
    assert read_all(_tables(lake), "raw_blocks").num_rows == 0
    assert run(node[1], lake) == ""
    _assert_healed(lake, clean)


def _kib_on_disk(lake: Path) -> int:
    """Files take whole pages of 4 KiB."""
    sizes = [file.stat().st_size for file in lake.rglob("*") if file.is_file()]
    return sum(-(-size // 4096) * 4 for size in sizes)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_full_disk_at_any_stage(
    run: Callable[..., str],
    node: tuple[Devnet, str],
    clean: LakeTables,
    tmp_path: Path,
    share: float,
) -> None:
    needed = _kib_on_disk(tmp_path / "clean")
    with small_disk(tmp_path / "disk", kib=needed * 3) as disk:
        lake = disk / "lake"
        ballast = fill_disk(disk, leave_kib=int(needed * share))
        error = run(node[1], lake)
        assert error.startswith("StorageFailed: ")
        assert "No space left on device" in error
        assert "Free some space" in error
        assert not list(lake.rglob("*.partial"))
        _assert_ranges_are_whole(lake)
        ballast.unlink()
        assert run(node[1], lake) == ""
        _assert_healed(lake, clean)


def test_a_corrupt_blob(
    run: Callable[..., str], node: tuple[Devnet, str], clean: LakeTables, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    assert run(node[1], lake) == ""
    # As after a run that ended before it decoded.
    for table in (*DECODED_TABLES, *ENRICHED_TABLES):
        (lake / table.name).rename(tmp_path / table.name)
    blob = next((lake / "raw").rglob("000000000003-*.zst"))
    data = bytearray(blob.read_bytes())
    data[-9] ^= 0x10
    blob.write_bytes(data)
    error = run(node[1], lake)
    assert error.startswith("BlobCorrupt: node, block 3: ")
    assert "Materialize raw_blocks" in error
    assert not any(live_files(_tables(lake))[table.name] for table in DECODED_TABLES)
    assert run(node[1], lake) == ""
    _assert_healed(lake, clean)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{ this is no JSON", id="no-json"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(b'{"abi": 7}', id="no-abi"),
        pytest.param(b'[{"type": "event", "name": "E", "inputs": [{"type": "uint7"}]}]', id="type"),
    ],
)
def test_a_bad_abi_file(
    run: Callable[..., str],
    node: tuple[Devnet, str],
    clean: LakeTables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    folder = tmp_path / "abis"
    folder.mkdir()
    (folder / "Bad.json").write_bytes(content)
    monkeypatch.setenv("CHAIN_ASSETS_ABIS", str(folder))
    error = run(node[1], tmp_path / "lake")
    assert error.startswith("ReferenceFileError: ")
    assert "Bad.json" in error
    assert not any(live_files(_tables(tmp_path / "lake")).values())
    (folder / "Bad.json").unlink()
    assert run(node[1], tmp_path / "lake") == ""
    _assert_healed(tmp_path / "lake", clean)


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
    run: Callable[..., str],
    node: tuple[Devnet, str],
    clean: LakeTables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    place: str,
) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / name).write_bytes(content)
    monkeypatch.setenv("CHAIN_ASSETS_REFERENCE", str(folder))
    error = run(node[1], tmp_path / "lake")
    assert error.startswith("ReferenceFileError: ")
    assert place in error
    assert not any(live_files(_tables(tmp_path / "lake")).values())
    (folder / name).unlink()
    assert run(node[1], tmp_path / "lake") == ""
    _assert_healed(tmp_path / "lake", clean)


def test_a_price_file_that_is_a_folder_or_a_dead_link(
    run: Callable[..., str],
    node: tuple[Devnet, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "reference"
    (folder / "token_prices.csv").mkdir(parents=True)
    monkeypatch.setenv("CHAIN_ASSETS_REFERENCE", str(folder))
    assert run(node[1], tmp_path / "lake").startswith("ReferenceFileError: ")
    (folder / "token_prices.csv").rmdir()
    (folder / "token_prices.csv").symlink_to(tmp_path / "nowhere")
    assert run(node[1], tmp_path / "lake").startswith("ReferenceFileError: ")


def test_a_lake_that_cannot_be_written(
    run: Callable[..., str], node: tuple[Devnet, str], clean: LakeTables, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.write_bytes(b"a file where the lake's folder should be")
    error = run(node[1], place / "lake")
    assert error.startswith("StorageFailed: ")
    assert str(place / "lake") in error
    place.unlink()
    assert run(node[1], place / "lake") == ""
    _assert_healed(place / "lake", clean)
