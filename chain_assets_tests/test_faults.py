"""A bad node, a full disk, a damaged blob, a lake out of reach: each is met through the command.

A clear error, no half-written range, and the next run finishes the work.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chain_assets.core.schemas import DECODED_TABLES, ENRICHED_TABLES
from chain_assets.sources.devnet import Fault, FaultKind, Faults
from chain_assets_tests.fault_lab import Lab, open_lab
from chain_assets_tests.lake_fixtures import fill_disk, live_files, read_all, small_disk


@pytest.fixture
def lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    with open_lab(tmp_path, monkeypatch, capsys) as lab:
        yield lab


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
        pytest.param(b'{"jsonrpc":"2.0","id":1,"result":"0xzz"}', id="no-number"),
    ],
)
def test_a_node_that_answers_garbage(lab: Lab, tmp_path: Path, answer: bytes) -> None:
    with _server(answer) as url:
        error = lab.run(url=url)
    assert error.split(": ")[0] in ("MalformedAnswer", "SourceUnavailable")
    assert error.split(": ")[1].startswith("node")
    assert read_all(lab.tables(), "raw_blocks").num_rows == 0
    lab.assert_next_run_finishes(tmp_path / "clean")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        pytest.param("foreign_receipts", "receipt", id="receipts-of-another-block"),
        pytest.param("null_block", "has no block 5", id="no-such-block"),
        pytest.param("truncated", "is not JSON", id="half-an-answer"),
    ],
)
def test_a_block_that_a_node_answers_garbage_for_is_held_and_the_others_go_on(
    lab: Lab, tmp_path: Path, kind: FaultKind, why: str
) -> None:
    lab.devnet.faults = Faults(rules=(Fault(kind=kind, blocks=frozenset({5})),))
    outcome = lab.outcome()
    assert outcome.code == 3, outcome.err
    assert why in " ".join(outcome.out.split())
    numbers = read_all(lab.tables(), "enriched_blocks")["number"].to_pylist()
    assert sorted(numbers) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    lab.devnet.faults = Faults()
    lab.assert_next_run_finishes(tmp_path / "clean")


def test_a_node_where_nothing_listens(lab: Lab, tmp_path: Path) -> None:
    error = lab.run(url="http://127.0.0.1:9")
    assert error.startswith("SourceUnavailable: node")
    assert read_all(lab.tables(), "raw_blocks").num_rows == 0
    lab.assert_next_run_finishes(tmp_path / "clean")


def _kib_on_disk(lake: Path) -> int:
    """Files take whole pages of 4 KiB."""
    sizes = [file.stat().st_size for file in lake.rglob("*") if file.is_file()]
    return sum(-(-size // 4096) * 4 for size in sizes)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_full_disk_at_any_stage(lab: Lab, tmp_path: Path, share: float) -> None:
    assert lab.run(tmp_path / "clean") == ""
    needed = _kib_on_disk(tmp_path / "clean")
    with small_disk(tmp_path / "disk", kib=needed * 3) as disk:
        ballast = fill_disk(disk, leave_kib=int(needed * share))
        error = lab.run(disk / "lake")
        # Whichever comes upon it first: the tables, or the ops store beside them.
        assert error.startswith(("StorageFailed: ", "OpsStoreFailed: "))
        assert "No space left on device" in error or "the disk is full" in error
        assert "Free some space" in error
        assert not list(disk.rglob("*.partial"))
        lab.assert_ranges_are_whole(disk / "lake")
        ballast.unlink()
        lab.assert_next_run_finishes(tmp_path / "clean", disk / "lake")


def test_a_corrupt_blob(lab: Lab, tmp_path: Path) -> None:
    assert lab.run() == ""
    # As after a run that ended before it decoded.
    for table in (*DECODED_TABLES, *ENRICHED_TABLES):
        (lab.lake / table.name).rename(tmp_path / table.name)
    blob = next((lab.lake / "raw").rglob("000000000003-*.zst"))
    data = bytearray(blob.read_bytes())
    data[-9] ^= 0x10
    blob.write_bytes(data)
    error = lab.run()
    assert error.startswith("BlobCorrupt: node, block 3: ")
    assert "Materialize raw_blocks" in error
    assert not any(live_files(lab.tables())[table.name] for table in DECODED_TABLES)
    lab.assert_next_run_finishes(tmp_path / "clean")


def test_a_lake_that_cannot_be_written(lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_bytes(b"a file where the lake's folder should be")
    error = lab.run(place / "lake")
    assert error.startswith(("StorageFailed: ", "OpsStoreFailed: "))
    assert str(place / "lake") in error
    place.unlink()
    lab.assert_next_run_finishes(tmp_path / "clean", place / "lake")
