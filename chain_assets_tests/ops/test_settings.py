"""Where the ops store is: what the settings name, or a file of the lake's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from chain_assets.assembly import default_ops_file, open_lake, open_ops
from chain_assets.config import load_settings
from chain_assets.core.errors import ConfigError
from chain_assets.lake.storage import Storage
from chain_assets.ops.database import sqlite_url
from chain_assets_tests.ops.postgres import PASSWORD


@pytest.mark.parametrize(
    ("lake", "file"),
    [
        ("lake", "lake/ops.db"),
        ("/srv/lake/", "/srv/lake/ops.db"),
        ("s3://bucket", ".chain_assets/bucket/ops.db"),
        ("s3://bucket/a/lake/", ".chain_assets/bucket/a/lake/ops.db"),
    ],
)
def test_each_lake_has_a_file_of_its_own(lake: str, file: str) -> None:
    assert default_ops_file(Storage(lake)) == Path(file)


def test_the_store_lies_in_the_lakes_folder_where_none_is_named(tmp_path: Path) -> None:
    settings = load_settings(
        {"CHAIN_ASSETS_LAKE": str(tmp_path / "what? lake"), "CHAIN_ASSETS_OPS": ""}
    )
    with open_ops(settings, open_lake(settings)) as ops:
        assert ops.holds.find() == ()
    assert (tmp_path / "what? lake" / "ops.db").is_file()


def test_a_lake_that_a_command_names_has_its_own_store(tmp_path: Path) -> None:
    settings = load_settings({"CHAIN_ASSETS_LAKE": str(tmp_path / "one")})
    open_ops(settings, open_lake(settings, str(tmp_path / "two"))).close()
    assert not (tmp_path / "one").exists()
    assert (tmp_path / "two" / "ops.db").is_file()


def test_the_store_that_the_environment_names_is_used(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.db"
    environ = {"CHAIN_ASSETS_OPS": sqlite_url(file), "CHAIN_ASSETS_LAKE": str(tmp_path / "lake")}
    settings = load_settings(environ)
    open_ops(settings, open_lake(settings)).close()
    assert file.is_file()
    assert not (tmp_path / "lake").exists()


def test_a_store_that_cannot_be_used_is_refused_when_it_is_opened_not_at_import(
    tmp_path: Path,
) -> None:
    settings = load_settings({"CHAIN_ASSETS_OPS": "nonsense"})
    with pytest.raises(ConfigError, match="CHAIN_ASSETS_OPS is not a database URL"):
        open_ops(settings, open_lake(settings, str(tmp_path)))


def test_settings_do_not_show_the_password_of_the_store() -> None:
    settings = load_settings({"CHAIN_ASSETS_OPS": f"postgresql://ops:{PASSWORD}@host/ops"})
    assert PASSWORD in (settings.ops or "")
    assert PASSWORD not in repr(settings)
