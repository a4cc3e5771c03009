"""`chain-assets sql`: any value of any type, for people, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from chain_assets.lake.storage import Storage
from chain_assets.lake.tables import LakeTables
from chain_assets_tests.command import Command, command
from chain_assets_tests.lake_fixtures import Pipeline, read_all


@pytest.fixture
def chain_assets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a lake")
    Pipeline.on_devnet(folder).run(0, 12)
    return folder


_QUERY = "SELECT number, hash, base_fee_per_gas FROM decoded_blocks ORDER BY number LIMIT 2"


def test_sql_prints_tables_csv_and_json_with_hex(chain_assets: Command, lake: Path) -> None:
    rows = (
        read_all(LakeTables(Storage(str(lake))), "decoded_blocks").sort_by("number").to_pylist()[:2]
    )
    expected = [(row["number"], "0x" + row["hash"].hex(), row["base_fee_per_gas"]) for row in rows]
    printed = chain_assets("sql", _QUERY, "--lake", lake, "--format", "csv").out
    names, *values = csv.reader(io.StringIO(printed))
    assert names == ["number", "hash", "base_fee_per_gas"]
    assert [(int(n), h, int(fee)) for n, h, fee in values] == expected
    printed = chain_assets("sql", _QUERY, "--lake", lake, "--format", "json").out
    answers = [json.loads(line) for line in printed.splitlines()]
    assert [(a["number"], a["hash"], int(a["base_fee_per_gas"])) for a in answers] == expected
    printed = chain_assets("sql", _QUERY, "--lake", lake).out
    assert all(str(hash_) in printed for _, hash_, _ in expected), "a hash is cut"


@pytest.mark.parametrize("output", ["table", "csv", "json"])
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        pytest.param("SELECT * FROM decoded_transactions", (), id="lists-and-structs"),
        pytest.param("SELECT '\\xAA'::BLOB AS b", ("0xaa",), id="bytes"),
        pytest.param("SELECT 1 AS a, 2 AS a", ("1", "2"), id="one-name-twice"),
        pytest.param("SELECT '[red]x[/foo]' AS \"[b]\"", ("[red]x[/foo]", "[b]"), id="markup"),
        pytest.param("SELECT 'inf'::DOUBLE AS x, 'nan'::DOUBLE", ("inf", "nan"), id="nan"),
        pytest.param("SELECT INTERVAL 1 DAY AS i, TIME '12:00' AS t", (), id="times"),
        pytest.param("SELECT NULL AS n, [NULL, 1] AS l", (), id="nulls"),
        pytest.param("SELECT 10::HUGEINT ** 37 AS h", ("1",), id="huge"),
        pytest.param("SELECT 1 WHERE false", (), id="no-rows"),
        pytest.param("SET threads = 1", (), id="no-answer"),
    ],
)
def test_sql_prints_any_type(
    chain_assets: Command, lake: Path, sql: str, words: tuple[str, ...], output: str
) -> None:
    outcome = chain_assets("sql", sql, "--lake", lake, "--format", output)
    assert outcome.code == 0, outcome.err
    assert all(word in outcome.out for word in words), outcome.out
    if output == "json":
        for line in outcome.out.splitlines():
            json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_wrong_sql_is_one_line(chain_assets: Command, lake: Path) -> None:
    for sql in ("SELEC 1", "SELECT * FROM nowhere", "SELECT 'x'::INT"):
        assert chain_assets("sql", sql, "--lake", lake).error.startswith("QueryError: ")


def test_sql_on_a_table_that_was_never_written_finds_no_rows(
    chain_assets: Command, tmp_path: Path
) -> None:
    Pipeline.on_devnet(tmp_path).run(0, 0)
    outcome = chain_assets(
        "sql", "SELECT count(*) AS n FROM decoded_logs", "--lake", tmp_path,
        "--format", "json",
    )  # fmt: skip
    assert outcome.out == '{"n": 0}\n'
