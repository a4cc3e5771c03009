"""The tree of errors: drawn as it is, complete, and told of in the runbook."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_assets.core import errors
from chain_assets.core.errors import ChainAssetsError, SourceError

PACKAGE = Path(errors.__file__).parent.parent
RUNBOOK = PACKAGE.parent / "docs" / "runbook.md"
# Told apart by what asks nodes, and to anyone else what their bases are.
OF_ONE_MODULE = {"TimedOut", "Throttled", "BatchRefused"}
# Never raised as such.
BRANCHES = {"ChainAssetsError", "LakeError", "OpsError"}


def in_the_tree(root: type[ChainAssetsError]) -> Iterator[type[ChainAssetsError]]:
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from in_the_tree(child)


TREE = list(in_the_tree(ChainAssetsError))


def test_the_tree_is_drawn_as_it_is() -> None:
    lines = re.findall(r"^ {4}(.*?)([A-Z]\w+) +(\(t\))?", errors.__doc__ or "", re.MULTILINE)
    drawn = {name: (len(indent) // 4, bool(mark)) for indent, name, mark in lines}
    depth = {kind.__name__: (len(kind.__mro__) - 4, kind.transient) for kind in TREE}
    assert drawn == depth


def test_every_error_of_the_package_is_in_the_tree() -> None:
    known = {kind.__name__ for kind in TREE} | {"ChainAssetsError"}
    found = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in known for base in node.bases)
    }
    assert found - known == OF_ONE_MODULE


@pytest.mark.parametrize("name", sorted({kind.__name__ for kind in TREE} - BRANCHES))
def test_the_runbook_says_what_to_do_about_it(name: str) -> None:
    assert f"\n| `{name}` |" in RUNBOOK.read_text("utf-8")


def test_an_error_of_a_node_is_one_of_a_source() -> None:
    assert issubclass(errors.AccessRefused, SourceError)
    assert issubclass(errors.CallRefused, SourceError)
