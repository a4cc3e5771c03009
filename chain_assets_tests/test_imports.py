"""The layers of the package can be seen in its imports: arrows point inward only.

defs, commands, cli  →  layers  →  lake, engine, sources, ops  →  core
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import chain_assets

PACKAGE = Path(chain_assets.__file__).parent
WORLD = {"dagster", "pyspark", "web3", "deltalake", "sqlalchemy", "requests", "boto3", "duckdb"}
MAY_IMPORT = {
    "core": {"core"},
    "sources": {"core", "sources"},
    "lake": {"core", "lake"},
    "engine": {"core", "engine"},
    "ops": {"core", "ops"},
    "layers": {"core", "sources", "lake", "engine", "ops", "layers", "chains"},
}
KERNEL_MUST_NOT = WORLD | {"os", "socket", "time", "urllib", "http", "subprocess", "threading"}


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_lies_further_in(layer: str) -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in sorted((PACKAGE / layer).rglob("*.py"))
        for name in _imports(file)
        if name.startswith("chain_assets.") and name.split(".")[1] not in MAY_IMPORT[layer]
    ]
    assert not wrong


def test_the_kernel_knows_no_dagster_no_spark_no_network_no_clock_and_no_environment() -> None:
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in sorted((PACKAGE / "core").rglob("*.py"))
        for name in _imports(file)
        if name.split(".")[0] in KERNEL_MUST_NOT
    ]
    assert not wrong


def test_only_config_reads_the_environment() -> None:
    readers = [
        str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        if "os.environ" in file.read_text("utf-8") or "getenv" in file.read_text("utf-8")
    ]
    # Spark's Python workers are told their interpreter through the environment: a write.
    assert readers == ["config.py", "engine/spark.py"]


def test_importing_every_module_opens_nothing_and_reads_no_environment() -> None:
    modules = [
        ".".join(("chain_assets", *file.relative_to(PACKAGE).with_suffix("").parts))
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.name != "__init__.py"
    ]
    program = (
        "import sys, socket, importlib\n"
        "def refuse(*a, **k): raise AssertionError('a socket was opened at import')\n"
        "socket.socket.connect = refuse\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
