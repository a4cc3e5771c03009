"""Reference rows from files: labels, tokens, prices.

    shipped CSVs  ←  `extra` (what a made-up chain knows)  ←  a person's folder
                 a later row replaces the earlier ones of the same key

A folder holds any of `entity_labels`, `token_metadata`, `token_prices`, each as .csv or .parquet,
with the column `chain` and the columns of the table. Empty is NULL; an empty `token_address` is
the native token. No prices are shipped: there are none that stay true.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from chain_assets.core.enrich import ReferenceTables, reference_digest
from chain_assets.core.errors import ReferenceFileError
from chain_assets.core.schemas.columns import Column, Table
from chain_assets.core.schemas.reference import (
    ENTITY_LABELS,
    REFERENCE_TABLES,
    TOKEN_METADATA,
    TOKEN_PRICES,
)
from chain_assets.lake.reference_rows import TextRows, typed_rows

__all__ = ["Row", "read_reference", "reference_digest", "reference_from_rows"]

# The text columns of a CSV row: by name, or in the table's order with `chain` first.
Row = Mapping[str, object] | Sequence[object]

_SUFFIXES = (".csv", ".parquet")
_OPTIONAL = ("name", "as_of")


def read_reference(
    folder: Path | None,
    *,
    chain: str,
    extra: ReferenceTables | None = None,
    known_chains: Collection[str] | None = None,
) -> ReferenceTables:
    """What is known of `chain`: shipped rows, then `extra`, then those of the files in `folder`.

    A row of a chain that is not in `known_chains` is refused: its name is misspelt, and it would
    be found by nobody. None refuses no name.

    Raises ReferenceFileError, which names file, line or row, and column.
    """
    found = _shipped(chain)
    if extra is not None:
        found = _override(found, extra)
    if folder is not None:
        found = _override(found, _read_folder(folder, chain=chain, known=known_chains))
    return found


def reference_from_rows(
    labels: Iterable[Row], tokens: Iterable[Row], prices: Iterable[Row], *, chain: str, origin: str
) -> ReferenceTables:
    """Rows of `chain` from the same text columns as the CSVs; `origin` names them in errors."""
    given = zip(REFERENCE_TABLES, (labels, tokens, prices), strict=True)
    return ReferenceTables(
        *(typed_rows(_text_of(table, rows, origin), chain=chain) for table, rows in given)
    )


def _shipped(chain: str) -> ReferenceTables:
    folder = resources.files("chain_assets") / "reference"
    return ReferenceTables(
        labels=_read(folder / "entity_labels.csv", ENTITY_LABELS, chain=chain),
        tokens=_read(folder / "token_metadata.csv", TOKEN_METADATA, chain=chain),
        prices=TOKEN_PRICES.file_schema.empty_table(),
    )


def _read_folder(folder: Path, *, chain: str, known: Collection[str] | None) -> ReferenceTables:
    names = [table.name for table in REFERENCE_TABLES]
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError as error:
        raise ReferenceFileError(f"{folder} cannot be read: {error.strerror}") from error
    files: dict[str, Path] = {}
    for path in paths:
        if path.stem not in names:
            raise ReferenceFileError(
                f"{path} is none of the reference files", todo=f"Name it {' or '.join(names)}"
            )
        if path.stem in files:
            raise ReferenceFileError(f"{files[path.stem]} has a twin, {path}", todo="Keep one")
        files[path.stem] = path
    return ReferenceTables(
        *(
            _read(files[table.name], table, chain=chain, known=known)
            if table.name in files
            else table.file_schema.empty_table()
            for table in REFERENCE_TABLES
        )
    )


def _read(
    path: Traversable, table: Table, *, chain: str, known: Collection[str] | None = None
) -> pa.Table:
    read = _read_csv if path.name.endswith(".csv") else _read_parquet
    try:
        rows = read(path, table)
    except (OSError, pa.ArrowException) as error:
        raise ReferenceFileError(f"{path} cannot be read: {error}", table=table.name) from error
    return typed_rows(rows, chain=chain, known_chains=known)


def _read_csv(path: Traversable, table: Table) -> TextRows:
    with path.open("rb") as file:
        data = pyarrow.csv.read_csv(
            file,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in table.schema.names},
                # Only empty is NULL: there are tokens whose symbol is NULL or NA.
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    return TextRows(table, _contracted(data, table, str(path)), _line_of(path))


def _line_of(path: Traversable) -> Callable[[int], str]:
    """Says the line on which a row ends: counted only when a row turns out to be wrong."""

    def place(row: int) -> str:
        with path.open("rb") as file:
            records = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
            lines = [records.line_num for record in records if record]
        return f"{path}, line {lines[row + 1]}"

    return place


def _read_parquet(path: Traversable, table: Table) -> TextRows:
    with path.open("rb") as file:
        data = pyarrow.parquet.read_table(file)
    data = _contracted(data, table, str(path))
    text = {name: _as_text(data[name], table.column(name)) for name in data.column_names}
    return TextRows(table, pa.table(text), lambda row: f"{path}, row {row + 1}")


def _as_text(column: pa.ChunkedArray, contract: Column) -> pa.Array:
    """A typed column as the text that a CSV would hold, so that the same rules apply.

    Raises ArrowInvalid on bytes that are not UTF-8 and on times finer than a microsecond.
    """
    values = column.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if contract.kind == "address" and not _is_text(values.type):
        texts = [None if value is None else "0x" + value.hex() for value in values.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz))
    text = values.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _is_text(type_: pa.DataType) -> bool:
    binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_)
    return not (binary or pa.types.is_fixed_size_binary(type_))


def _contracted(data: pa.Table, table: Table, origin: str) -> pa.Table:
    """The columns of the contract. A column that is not in it is refused: it may be a misspelt
    optional one, whose values would then be lost in silence."""
    names, wanted = data.column_names, table.schema.names
    missing = [name for name in wanted if name not in names and name not in _OPTIONAL]
    strange = [name for name in names if name not in wanted or names.count(name) > 1]
    if missing or strange:
        problem = f"lacks {missing}" if missing else f"has unknown or repeated columns {strange}"
        todo = f"Its columns are {', '.join(wanted)}"
        raise ReferenceFileError(f"{origin} {problem}", table=table.name, todo=todo)
    empty = pa.nulls(len(data), pa.string())
    return pa.table({name: data[name] if name in names else empty for name in wanted})


def _text_of(table: Table, rows: Iterable[Row], origin: str) -> TextRows:
    names = table.schema.names
    named = [row if isinstance(row, Mapping) else _by_name(row, names) for row in rows]
    columns = {name: [_text(row.get(name)) for row in named] for name in names}
    text = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return TextRows(table, text, lambda row: f"{origin}, {table.name} row {row + 1}")


def _by_name(row: Sequence[object], names: Sequence[str]) -> dict[str, object]:
    return dict(zip(names, row, strict=True))


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _override(base: ReferenceTables, later: ReferenceTables) -> ReferenceTables:
    pairs = zip(base.named(), later.named(), strict=True)
    return ReferenceTables(*(_replace(table, old, new) for (table, old), (_, new) in pairs))


def _replace(table: Table, old: pa.Table, new: pa.Table) -> pa.Table:
    """`old` without the rows whose key is in `new`, then `new`."""
    replaced = pc.is_in(_keys(table, old), value_set=_keys(table, new))
    return pa.concat_tables([old.filter(pc.invert(replaced)), new]).combine_chunks()


def _keys(table: Table, data: pa.Table) -> pa.Array:
    """One text a row, the same for the same key; NULL is a value of a key as any other."""
    parts = [pc.fill_null(_as_text(data[name], table.column(name)), "") for name in table.key]
    return pc.binary_join_element_wise(*parts, "|")
