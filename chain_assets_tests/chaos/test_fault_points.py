"""Fault points: all that the package names are used in it, and none does anything by itself."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import chain_assets
from chain_assets.core.fault_points import FaultPoint, arm, fault_point

PACKAGE = Path(chain_assets.__file__).parent


def _calls(function: str) -> Iterator[ast.Call]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == function:
                yield node


def test_each_registered_point_is_at_one_place_of_the_package_and_no_other_is() -> None:
    used = Counter(
        call.args[0].value
        for call in _calls("fault_point")
        if isinstance(call.args[0], ast.Constant)
    )
    assert used == dict.fromkeys(get_args(FaultPoint), 1)


def test_nothing_in_the_package_arms_them() -> None:
    assert not list(_calls("arm"))


def test_an_armed_point_calls_its_hook_and_a_disarmed_one_does_nothing() -> None:
    met: list[tuple[str, str]] = []
    fault_point("blob stored")
    arm(lambda name, part: met.append((name, part)))
    fault_point("commit made", "raw_blocks")
    arm(None)
    fault_point("blob stored")
    assert met == [("commit made", "raw_blocks")]
