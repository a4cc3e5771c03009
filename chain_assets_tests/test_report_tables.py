"""What the command line shows of reports, whatever a node wrote into its blocks."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console
from rich.table import Table

from chain_assets import report_tables
from chain_assets.core.block_range import BlockRange
from chain_assets.layers.report import HeldBlock, LayerReport


def shown(table: Table | None) -> str:
    assert table is not None
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def report(*, unknown: Counter[str] | None = None, held: tuple[HeldBlock, ...] = ()) -> LayerReport:
    return LayerReport(
        layer="decoded",
        chain="devnet",
        block_range=BlockRange(0, 10),
        present=frozenset(),
        written=0,
        removed=0,
        commits=(),
        bytes_read=0,
        seconds=0.0,
        data_version="",
        unknown_fields=unknown or Counter(),
        held=held,
    )


@pytest.mark.parametrize("key", ["[/red]", "[bold]", "[link=x]y", "\\[", ":smile:"])
def test_an_unknown_field_is_shown_by_its_name_and_not_as_markup(key: str) -> None:
    table = report_tables.unknown_fields([report(unknown=Counter({f"block.{key}": 1234}))])
    assert f"block.{key}" in shown(table)
    assert "1,234" in shown(table)


def test_a_held_block_is_shown_with_its_reason_also_where_it_was_never_seen() -> None:
    blocks = (
        HeldBlock(7, b"\xab" * 32, "not [proved]", stage="prove"),
        HeldBlock(8, None, "not fetched", stage="fetch"),
    )
    lines = shown(report_tables.held_blocks([report(held=blocks)])).splitlines()
    assert any("7" in line and "0xabab" in line and "not [proved]" in line for line in lines)
    assert any("8" in line and "not fetched" in line and "0x" not in line for line in lines)
