"""What a power cut leaves on a disk is what was written through to it; of the rest anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chain_assets_tests.lake_fixtures import Pipeline, small_chain


@pytest.fixture
def written_through(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that the disk was told to keep, in order."""
    kept: list[Path] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        kept.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    return kept


def test_all_that_a_row_of_a_block_stands_on_is_kept_before_that_row(
    tmp_path: Path, written_through: list[Path]
) -> None:
    lake = tmp_path / "lake"
    Pipeline.on_devnet(lake, chain=small_chain(blocks=6)).run(0, 5)
    place = {path: number for number, path in enumerate(written_through)}
    files = [path for path in lake.rglob("*.parquet") if "_delta_log" not in path.parts]
    commits = list(lake.rglob("_delta_log/*.json"))
    assert files
    assert place.keys() >= {*files, *commits}
    for layer in ("decoded", "enriched"):
        of_layer = [
            path for path in (*files, *commits) if path.relative_to(lake).parts[0].startswith(layer)
        ]
        assert len(of_layer) > 4
        witness = max((lake / f"{layer}_blocks" / "_delta_log").glob("*.json"))
        assert all(place[path] <= place[witness] for path in of_layer)
