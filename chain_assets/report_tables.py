"""What the command line shows: progress bars, and tables of reports and of answers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from chain_assets.lake.tables import Commit
from chain_assets.layers.report import LayerReport
from chain_assets.layers.report import Progress as Done

_NO_WIDTH = 100_000


@contextmanager
def progress_bars(
    console: Console, names: Sequence[str], total: int
) -> Iterator[Callable[[str], Done]]:
    """One bar a name, each up to `total` blocks; yields what gives a bar's step function."""
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bars:
        ids = {name: bars.add_task(name, total=total) for name in names}

        def step(name: str) -> Done:
            return lambda blocks: bars.advance(ids[name], blocks)

        yield step


def run_table(reports: Sequence[LayerReport], *, seconds: float) -> Table:
    """Rows and bytes a table; blocks, and blocks a second, beside the first table of a layer."""
    table = Table(title="What was made", box=box.SIMPLE_HEAD)
    table.add_column("table", no_wrap=True)
    for name in ("added", "removed", "size", "blocks", "blocks/s"):
        table.add_column(name, justify="right", no_wrap=True)
    layers = dict.fromkeys(report.layer for report in reports)
    for layer in layers:
        own = [report for report in reports if report.layer == layer]
        blocks = sum(report.written for report in own)
        spent = sum(report.seconds for report in own)
        speed = (f"{blocks:,}", f"{blocks / spent:,.1f}" if blocks and spent else "-")
        for name, commits in _by_table(own).items():
            table.add_row(
                name,
                f"{sum(c.rows_added for c in commits):,}",
                f"{sum(c.rows_removed for c in commits):,}",
                decimal(sum(c.bytes_added for c in commits)),
                *speed,
            )
            speed = ("", "")
        if not any(report.changed for report in own):
            table.add_row(f"{layer}: nothing to do", "", "", "", *speed)
        table.add_section()
    written = [sum(r.written for r in reports if r.layer == layer) for layer in layers]
    table.caption = f"{max(written, default=0):,} blocks in {seconds:,.1f} s"
    return table


def _by_table(reports: Sequence[LayerReport]) -> dict[str, list[Commit]]:
    commits: dict[str, list[Commit]] = {}
    for report in reports:
        for commit in report.commits:
            if commit.changed or report.changed:
                commits.setdefault(commit.table, []).append(commit)
    return commits


def unknown_fields(reports: Sequence[LayerReport]) -> Table | None:
    """JSON fields that no column holds; None where there are none."""
    counts: Counter[str] = sum((report.unknown_fields for report in reports), Counter())
    if not counts:
        return None
    table = Table(title="JSON fields that no column holds (the raw blobs keep them)")
    table.add_column("path")
    table.add_column("times", justify="right")
    for path, times in sorted(counts.items()):
        # As Text: a node chooses these names, and square brackets in one are no markup.
        table.add_row(Text(path), f"{times:,}")
    return table


def held_blocks(reports: Sequence[LayerReport]) -> Table | None:
    """Blocks that are held back, with the reason; None where there are none."""
    held = {block.number: block for report in reports for block in report.held}
    if not held:
        return None
    table = Table(title="Held back: see `chain-assets holds list`", box=box.SIMPLE_HEAD)
    table.add_column("block", justify="right")
    table.add_column("hash", no_wrap=True)
    table.add_column("why", overflow="fold")
    for number, block in sorted(held.items()):
        known = "" if block.hash is None else f"0x{block.hash.hex()[:16]}…"
        table.add_row(str(number), known, Text(block.reason))
    return table


def print_answer(
    console: Console, answer: pa.Table, output: Literal["table", "csv", "json"]
) -> None:
    """Print the rows of a query. Bytes read as 0x hex; JSON is one object a line."""
    if output == "csv":
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(_flat(answer), sink)
        console.file.write(sink.getvalue().to_pybytes().decode())
    elif output == "json":
        names = _unique(answer.column_names)
        console.file.writelines(
            json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in _rows(answer)
        )
    else:
        # A pipe has no width: there a row stays on one line, however long.
        wide = console if console.is_terminal else Console(file=console.file, width=_NO_WIDTH)
        wide.print(answer_table(answer))


def answer_table(answer: pa.Table, *, title: str | None = None) -> Table:
    """The rows of a query as a table for a terminal. No value is cut: a long one is folded."""
    table = Table(title=title)
    for name in answer.column_names:
        table.add_column(Text(name), overflow="fold")
    for row in _rows(answer):
        # As Text, since square brackets in a symbol or a label are no markup.
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table


def _rows(answer: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Row by row and not as dicts: two columns of a query may have one name."""
    return zip(*([_plain(v) for v in c.to_pylist()] for c in answer.columns), strict=True)


def _plain(value: Any) -> Any:
    """What JSON can say, without loss: bytes as 0x hex; decimals, times and NaN as text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, str | bool | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _flat(answer: pa.Table) -> pa.Table:
    """Columns that CSV has no words for (bytes, lists, structs, …) as text."""
    columns = [c if _has_csv_form(c.type) else _as_text(c) for c in answer.columns]
    return pa.table(columns, names=answer.column_names)


def _has_csv_form(kind: pa.DataType) -> bool:
    types = pa.types
    plain = types.is_string(kind) or types.is_decimal(kind) or types.is_primitive(kind)
    return bool(plain and not types.is_interval(kind))


def _as_text(values: pa.ChunkedArray) -> pa.Array:
    plain = [_plain(value) for value in values.to_pylist()]
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in plain]
    return pa.array(texts, pa.string())


def _unique(names: Sequence[str]) -> list[str]:
    """`a, a` → `a, a_2`."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique
