"""Delta's statistics of a file, as JSON for its add-action.

Every column that can be ordered gets its bounds, and every column its count of NULLs. Leaving some
out is not an option: delta-rs' pyarrow dataset compares a column without bounds with NULL, and so
finds no row of the file for any filter on it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# As much of a text as delta-rs and Spark keep of it.
_TEXT_LENGTH = 32
_LAST_CHARACTER = "\U0010ffff"


def statistics(data: pa.Table) -> str:
    """numRecords, minValues, maxValues and nullCount of `data`."""
    lows: dict[str, str] = {}
    highs: dict[str, str] = {}
    for field in data.schema:
        values = data[field.name]
        if _has_bounds(field.type) and values.null_count < len(values):
            bounds = pc.min_max(values).as_py()
            lows[field.name] = _json(bounds["min"])
            highs[field.name] = _json(bounds["max"], upper=True)
    nulls = {field.name: str(data[field.name].null_count) for field in data.schema}
    return (
        f'{{"numRecords":{data.num_rows},"minValues":{_object(lows)},'
        f'"maxValues":{_object(highs)},"nullCount":{_object(nulls)}}}'
    )


def _has_bounds(kind: pa.DataType) -> bool:
    return not (pa.types.is_binary(kind) or pa.types.is_nested(kind))


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items()) + "}"


def _json(value: Any, *, upper: bool = False) -> str:
    if isinstance(value, Decimal):
        # All digits, as a JSON number: a float here would cut the largest rows out of a filter.
        return format(value, "f")
    if isinstance(value, str):
        cut = value[:_TEXT_LENGTH]
        return json.dumps(cut + _LAST_CHARACTER if upper and len(value) > len(cut) else cut)
    if hasattr(value, "isoformat"):
        return json.dumps(value.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    return json.dumps(value)
