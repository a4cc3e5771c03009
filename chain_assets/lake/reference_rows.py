"""Reference rows as text, to the typed columns of their tables, strictly.

Files and generated rows pass the same rules. A value that breaks its rule is an error that names
its place: a label on a mistyped address, or a price that was read as NULL, would be found by
nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chain_assets.core.errors import ReferenceFileError
from chain_assets.core.schemas.columns import ARROW_TYPES, Column, Table
from chain_assets.core.words import binary_from_rows

_ADDRESS = r"\A0x[0-9a-fA-F]{40}\z"
_NUMBER = r"\A([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\z"
_WHOLE_NUMBER = r"\A[0-9]{1,3}\z"
_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].+(Z|[+-][0-9]{2}:?[0-9]{2})\z"
_LARGEST_DECIMALS = 255  # EIP-20: decimals() answers a uint8
_SHOWN = 60


@dataclass(frozen=True)
class TextRows:
    """Rows of one table as text, NULL where empty.

    `columns` are strings, `place` says where a row stands ("prices.csv, line 7").
    """

    table: Table
    columns: pa.Table
    place: Callable[[int], str]

    def error(self, row: int, column: str, what: str) -> ReferenceFileError:
        """The error that `column` of `row` is wrong."""
        value = self.columns[column][row].as_py()
        shown = "" if value is None else f" {value[:_SHOWN]!r}"
        where = f"{self.place(row)}, column {column}:"
        return ReferenceFileError(
            f"{where}{shown} {what}", table=self.table.name, todo="Correct the file"
        )


@dataclass(frozen=True)
class _Rule:
    """How text becomes a value: `read` raises ArrowInvalid or ValueError if any text is wrong."""

    read: Callable[[pa.Array], pa.Array]
    wanted: str


def typed_rows(
    rows: TextRows, *, chain: str, known_chains: Collection[str] | None = None
) -> pa.Table:
    """The file columns of the rows of `chain`. Raises ReferenceFileError.

    Rows of other chains are left to those: a fault there must not stop this chain. But a chain that
    is not in `known_chains` (None: any is) would never come to look at its rows.
    """
    chains = rows.columns["chain"]
    if chains.null_count:
        first = pc.index(pc.is_null(chains), True).as_py()
        raise rows.error(first, "chain", "is empty")
    if known_chains is not None:
        unknown = pc.invert(pc.is_in(chains, pa.array(list(known_chains), pa.string())))
        if pc.any(unknown).as_py():
            what = f"is no chain of chains.toml, which has {', '.join(known_chains)}"
            raise rows.error(pc.index(unknown, True).as_py(), "chain", what)
    of_chain = pa.array(np.flatnonzero(pc.equal(chains, chain).to_numpy()))
    columns = [_typed(rows, of_chain, column) for column in rows.table.columns]
    return pa.table(columns, schema=rows.table.file_schema)


def _typed(rows: TextRows, of_chain: pa.Array, column: Column) -> pa.Array:
    text = rows.columns[column.name].take(of_chain).combine_chunks()
    if text.null_count and not column.nullable:
        first = pc.index(text.is_null(), True).as_py()
        raise rows.error(of_chain[first].as_py(), column.name, "is empty")
    rule = _RULES[column.kind]
    if _reads(rule, text):
        return rule.read(text)
    wrong = _first_wrong(rule, text)
    raise rows.error(of_chain[wrong].as_py(), column.name, f"is not {rule.wanted}")


def _reads(rule: _Rule, text: pa.Array) -> bool:
    try:
        rule.read(text)
    except (pa.ArrowInvalid, ValueError):
        return False
    return True


def _first_wrong(rule: _Rule, text: pa.Array) -> int:
    """The first place whose text does not read, by halving."""
    start, stop = 0, len(text)
    while stop - start > 1:
        middle = (start + stop) // 2
        if _reads(rule, text.slice(start, middle - start)):
            start = middle
        else:
            stop = middle
    return start


def _address(text: pa.Array) -> pa.Array:
    _match(text, _ADDRESS)
    filled = pc.fill_null(text, "0x" + 40 * "0")
    digits = "".join(pc.utf8_slice_codeunits(filled, 2).to_pylist())
    rows = np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, 20)
    return binary_from_rows(rows, valid=text.is_valid().to_numpy(zero_copy_only=False))


def _price(text: pa.Array) -> pa.Array:
    _match(text, _NUMBER)
    numbers = text.cast(pa.float64())
    # The digits may still be too many for a double: 1e999 reads as infinity.
    _all(pc.is_finite(numbers))
    return numbers


def _decimals(text: pa.Array) -> pa.Array:
    _match(text, _WHOLE_NUMBER)
    numbers = text.cast(pa.int64())
    _all(pc.less_equal(numbers, _LARGEST_DECIMALS))
    return numbers


def _time(text: pa.Array) -> pa.Array:
    # A time without its zone is refused: read as UTC it would put some prices after their block.
    _match(text, _TIME)
    return text.cast(ARROW_TYPES["timestamp"])


def _match(text: pa.Array, pattern: str) -> None:
    _all(pc.match_substring_regex(text, pattern))


def _all(good: pa.Array) -> None:
    if not pc.all(good, min_count=0).as_py():
        raise ValueError("not as the rule asks")


_RULES: Mapping[str, _Rule] = {
    "address": _Rule(_address, "an address: 0x and 40 hex digits"),
    "text": _Rule(lambda text: text, "text"),
    "double": _Rule(_price, "a price: a decimal number from 0 up, such as 1850.25"),
    "quantity": _Rule(_decimals, f"a number of decimals: 0 to {_LARGEST_DECIMALS}"),
    "timestamp": _Rule(_time, "a time with its zone, such as 2023-07-13T17:38:00Z"),
}
